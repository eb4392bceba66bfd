package main

import (
	"fmt"
	"os"

	"istio.io/istio/operator/pkg/helm"
	"istio.io/istio/operator/pkg/values"
	"sigs.k8s.io/yaml"
)

// gatewayChart prints what `helm template istio-ingress istio/gateway -n istio-ingress -f VALUES` would.
func gatewayChart(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	chosen := map[string]any{}
	if err := yaml.UnmarshalStrict(text, &chosen); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	all := values.Map{"spec": map[string]any{"values": chosen}}
	objects, warnings, err := helm.Render("istio-ingress", "istio-ingress", "gateway", all, nil)
	if err != nil {
		return err
	}
	if err := warnings.ToError(); err != nil {
		return err
	}
	for _, object := range objects {
		fmt.Printf("---\n%s\n", object.Content)
	}
	return nil
}
