// Package oci has the filter's image pushed to a real registry and pulled again, by the code of
// the hosts that pull it and by the client that docs/oci.md names.
package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"istio.io/istio/pkg/wasm"
)

// istio has Istio's agent fetch a module, with the cache that it would have just after its start.
func istio(t *testing.T, url, sha256 string) (string, error) {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	cache := wasm.NewLocalFileCache(t.TempDir(), wasm.Options{
		PurgeInterval: wasm.DefaultPurgeInterval, ModuleExpiry: wasm.DefaultModuleExpiry,
	})
	defer cache.Cleanup()
	path, err := cache.Get(url, wasm.GetOptions{
		Checksum: sha256, ResourceName: "istio-system/oidc-gate", ResourceVersion: "1", RequestTimeout: time.Minute,
	})
	if err != nil {
		return "", err
	}
	module, err := os.ReadFile(path)
	return string(module), err
}

func TestIstioPullsTheFilterByTagAndByDigest(t *testing.T) {
	for _, tag := range []string{version(t), version(t) + "-compat"} {
		image, sum := push(t, start(t).host, tag), digest(t, tag)
		for _, pinned := range []struct{ url, sha256 string }{
			{":" + tag, ""},
			{"@" + sum, ""},
			{":" + tag, strings.TrimPrefix(sum, "sha256:")}, // WasmPlugin's sha256
			{"@" + sum, strings.TrimPrefix(sum, "sha256:")},
		} {
			module, err := istio(t, "oci://"+image+pinned.url, pinned.sha256)
			if err != nil {
				t.Fatalf("%v: %v", pinned, err)
			}
			if module != filter(t) {
				t.Errorf("%v: %d bytes came that are not the filter's", pinned, len(module))
			}
		}
	}
}

func TestIstioRefusesAnImageThatIsNotTheOnePinned(t *testing.T) {
	tag := version(t)
	image := push(t, start(t).host, tag)
	_, err := istio(t, "oci://"+image+":"+tag, strings.Repeat("0", 64))
	if err == nil || !strings.Contains(err.Error(), "does not match") {
		t.Errorf("expected a refusal, found %v", err)
	}
}

// docs/oci.md says so; where Istio learns this form, it may be the only one.
func TestIstioDoesNotTakeTheArtifactOfTheCNCF(t *testing.T) {
	tag := version(t) + "-wasm"
	image := push(t, start(t).host, tag)
	_, err := istio(t, "oci://"+image+":"+tag, "")
	if err == nil || !strings.Contains(err.Error(), "invalid media type application/wasm") {
		t.Errorf("expected a refusal of the media type, found %v", err)
	}
}

// spoil changes an image's last layer, in the registry's own files.
func spoil(t *testing.T, registry registry, image, tag string, change func([]byte) []byte) {
	t.Helper()
	var manifest struct{ Layers []struct{ Digest string } }
	if err := json.Unmarshal([]byte(oras(t, "manifest fetch "+image+":"+tag)), &manifest); err != nil {
		t.Fatal(err)
	}
	hex := strings.TrimPrefix(manifest.Layers[len(manifest.Layers)-1].Digest, "sha256:")
	blob := filepath.Join(registry.folder, "docker/registry/v2/blobs/sha256", hex[:2], hex, "data")
	layer, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(blob, change(layer), 0o600); err != nil {
		t.Fatal(err)
	}
}

func oneByte(layer []byte) []byte {
	layer[len(layer)/2] ^= 1
	return layer
}

func TestAByteThatWasChangedInTheRegistryIsRefused(t *testing.T) {
	for _, tag := range []string{version(t), version(t) + "-compat", version(t) + "-wasm"} {
		registry := start(t)
		image := push(t, registry.host, tag)
		pull := "pull --output " + t.TempDir() + " " + image + ":" + tag
		oras(t, pull)
		spoil(t, registry, image, tag, oneByte)
		if output, err := shell(t, "oras "+pull); err == nil {
			t.Errorf("%s: oras took it: %s", tag, output)
		}
		_, err := istio(t, "oci://"+image+"@"+digest(t, tag), "")
		if tag == version(t) && (err == nil || !strings.Contains(err.Error(), "error verifying sha256 checksum")) {
			t.Errorf("Istio: expected a refusal for the checksum, found %v", err)
		}
	}
}

// Why this form is not the one that docs/oci.md tells to use. If this fails, Istio has mended it.
func TestIstioTakesAnotherModuleInACompatImageThatIsPinned(t *testing.T) {
	const other = "\x00asm\x01\x00\x00\x00"
	registry, tag := start(t), version(t)+"-compat"
	image := push(t, registry.host, tag)
	spoil(t, registry, image, tag, func(expected []byte) []byte {
		var layer bytes.Buffer
		packed := gzip.NewWriter(&layer)
		archive := tar.NewWriter(packed)
		err := archive.WriteHeader(&tar.Header{Name: "plugin.wasm", Mode: 0o644, Size: int64(len(other))})
		_, errWrite := archive.Write([]byte(other))
		if err := errors.Join(err, errWrite, archive.Close(), packed.Close()); err != nil {
			t.Fatal(err)
		}
		// The length is looked at. Nothing is read behind the file that is looked for.
		return append(layer.Bytes(), make([]byte, len(expected)-layer.Len())...)
	})
	module, err := istio(t, "oci://"+image+"@"+digest(t, tag), strings.TrimPrefix(digest(t, tag), "sha256:"))
	if err != nil || module != other {
		t.Errorf("expected the other module and no error, found %d bytes and %v", len(module), err)
	}
}

func TestTheBillOfMaterialsIsFoundByTheReferrersAPI(t *testing.T) {
	// The CNCF's registry does not have that API yet, and clients leave a tag there instead: docs/oci.md, whose
	// commands run against it. This one has the API.
	server := httptest.NewServer(ociserver.New(ocimem.New(), nil))
	defer server.Close()
	host := strings.Replace(server.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	for _, tag := range []string{version(t), version(t) + "-compat", version(t) + "-wasm"} {
		image := push(t, host, tag)
		answer, err := http.Get(server.URL + "/v2/team/oidc-gate/referrers/" + digest(t, tag))
		if err != nil {
			t.Fatal(err)
		}
		var index struct {
			Manifests []struct{ ArtifactType, Digest string }
		}
		err = json.NewDecoder(answer.Body).Decode(&index)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || len(index.Manifests) != 1 {
			t.Fatalf("%s: one referrer expected, found %v (%s, %v)", tag, index, answer.Status, err)
		}
		found := index.Manifests[0]
		if found.ArtifactType != "application/vnd.cyclonedx+json" {
			t.Errorf("%s: artifact type %s", tag, found.ArtifactType)
		}
		folder := t.TempDir()
		oras(t, "pull --output "+folder+" "+image+"@"+found.Digest)
		bill, err := os.ReadFile(filepath.Join(folder, "oidc-gate.cdx.json"))
		if err != nil || string(bill) != read(t, "target/oci/oidc-gate.cdx.json") {
			t.Errorf("%s: another bill of materials came: %v", tag, err)
		}
	}
}
