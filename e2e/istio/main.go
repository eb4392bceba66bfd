// Istio without a cluster, for the tests of deploy/istio: its own discovery server, the part of its agent that hands
// out certificates, and its chart for gateways.
//
//	mesh certificates FOLDER FILE=NAME...   a CA, and for each name a certificate: FOLDER/FILE.pem, FOLDER/FILE.key
//	mesh serve FOLDER                       what FOLDER/istio.yaml and kubernetes.yaml say, to proxies
//	mesh gateway-chart VALUES               what Helm would install of Istio's chart for gateways
//
// Whoever starts `mesh serve` reads the port for proxies from its first line, and ends it by closing its input.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 3 && args[0] == "certificates":
		return writeCertificates(args[1], args[2:])
	case len(args) == 2 && args[0] == "serve":
		return serve(args[1])
	case len(args) == 2 && args[0] == "gateway-chart":
		return gatewayChart(args[1])
	}
	return fmt.Errorf("expected `certificates FOLDER FILE=NAME...`, `serve FOLDER` or `gateway-chart VALUES`, found %q",
		strings.Join(args, " "))
}
