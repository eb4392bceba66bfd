package oci

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// commands are the shell's blocks of a page, in their order.
func commands(page string) string {
	var commands []string
	for _, block := range strings.Split(page, "```sh registry\n")[1:] {
		commands = append(commands, strings.SplitN(block, "```", 2)[0])
	}
	return strings.Join(commands, "\n")
}

func TestTheCommandsOfThePageDoWhatItSays(t *testing.T) {
	page := commands(read(t, "docs/oci.md"))
	for _, expected := range []string{"make oci", "oras cp", "oras pull", "oras resolve", "oras discover", "registry.example"} {
		if !strings.Contains(page, expected) {
			t.Fatalf("docs/oci.md has no %q: does this test read it rightly?", expected)
		}
	}
	if err := os.RemoveAll(filepath.Join(root, "target/pulled")); err != nil {
		t.Fatal(err)
	}
	output, err := shell(t, strings.ReplaceAll(page, "registry.example", start(t).host))
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for name, expected := range map[string]string{
		"oidc_gate.wasm":      filter(t),
		"cncf/oidc_gate.wasm": filter(t),
		"oidc-gate.cdx.json":  read(t, "target/oci/oidc-gate.cdx.json"),
	} {
		if read(t, "target/pulled/"+name) != expected {
			t.Errorf("target/pulled/%s is not what was pushed", name)
		}
	}
}

func TestThePageHasTheVersionThatIsBuilt(t *testing.T) {
	for _, line := range []string{"VERSION=" + version(t), "oidc-gate:" + version(t) + "\n"} {
		if !strings.Contains(read(t, "docs/oci.md"), line) {
			t.Errorf("docs/oci.md does not say %q", line)
		}
	}
}
