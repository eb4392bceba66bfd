// Registry is the CNCF's registry ("distribution"), as its own program starts it, with the one
// storage that a test needs: with those of three clouds it takes minutes longer to build.
package main

import (
	"os"

	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

func main() {
	if registry.RootCmd.Execute() != nil {
		os.Exit(1)
	}
}
