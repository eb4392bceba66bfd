package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/security"
	"istio.io/istio/pkg/test"
	"istio.io/istio/security/pkg/nodeagent/cache"
	"istio.io/istio/security/pkg/nodeagent/sds"
)

// serve runs until its input ends. The discovery server takes what a Kubernetes cluster would tell it from two files,
// in a client that only pretends to be one; all that it makes of them, and how it talks to proxies, is Istio's own.
func serve(folder string) error {
	istio, err := os.ReadFile(filepath.Join(folder, "istio.yaml"))
	if err != nil {
		return err
	}
	kubernetes, err := os.ReadFile(filepath.Join(folder, "kubernetes.yaml"))
	if err != nil {
		return err
	}
	if err := handOutCertificates(folder); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return test.Wrap(func(t test.Failer) {
		xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
			ConfigString:           string(istio),
			KubernetesObjectString: string(kubernetes),
			ListenerBuilder:        func() (net.Listener, error) { return listener, nil },
		})
		fmt.Println(listener.Addr().(*net.TCPAddr).Port)
		_, _ = io.Copy(io.Discard, os.Stdin)
	})
}

// handOutCertificates does what the agent beside every proxy does: it serves the workload's own certificate, the CAs
// that it believes, and the files that a DestinationRule names, over the socket that proxies are told of (a path
// relative to the folder that both run in).
func handOutCertificates(folder string) error {
	if err := os.Chdir(folder); err != nil {
		return err
	}
	// In a folder of their own: files in the one that this runs in are taken for the agent's own, and not served.
	options := &security.Options{
		CertChainFilePath: "certificates/workload.pem",
		KeyFilePath:       "certificates/workload.key",
		RootCertFilePath:  "certificates/ca.pem",
		// Whom a proxy believes where a DestinationRule names no CA: in a cluster, those of the operating system.
		CARootPath: "certificates/ca.pem",
	}
	secrets, err := cache.NewSecretManagerClient(nil, options)
	if err != nil {
		return err
	}
	sds.NewServer(options, secrets, nil)
	return nil
}
