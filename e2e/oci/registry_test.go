package oci

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// The folder of the project, and what `make registry` has built.
var (
	root  = filepath.Join("..", "..")
	tools = filepath.Join(root, ".tools", "oci")
)

// A registry of its own for a test: where it listens, and where it keeps what it has.
type registry struct {
	host   string
	folder string
}

var listening = regexp.MustCompile(`listening on 127\.0\.0\.1:(\d+)`)

// start runs a registry on a free port until the test ends.
func start(t *testing.T) registry {
	t.Helper()
	folder := t.TempDir()
	config := filepath.Join(folder, "config.yml")
	text := "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: " + folder +
		"\nhttp:\n  addr: 127.0.0.1:0\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(filepath.Join(tools, "registry"), "serve", config)
	command.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	// It ends with this program, however that ends.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatalf("%v: `make registry` builds it", err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	var said []string
	for lines := bufio.NewScanner(log); lines.Scan(); {
		said = append(said, lines.Text())
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			go func() { // It must not stand still because nobody reads.
				for lines.Scan() {
				}
			}()
			// By this name clients know that it has no TLS.
			return registry{host: "localhost:" + found[1], folder: folder}
		}
	}
	t.Fatalf("the registry did not start:\n%s", strings.Join(said, "\n"))
	return registry{}
}

// shell runs commands in the project's folder, as a reader of docs/oci.md would.
func shell(t *testing.T, commands string) (string, error) {
	t.Helper()
	command := exec.Command("bash", "-euo", "pipefail", "-c", commands)
	command.Dir = root
	path, err := filepath.Abs(tools)
	if err != nil {
		t.Fatal(err)
	}
	// Nobody's own credentials.
	command.Env = append(os.Environ(), "PATH="+path+":"+os.Getenv("PATH"), "DOCKER_CONFIG="+t.TempDir())
	output, err := command.CombinedOutput()
	return string(output), err
}

// oras runs the client, which must succeed.
func oras(t *testing.T, arguments string) string {
	t.Helper()
	output, err := shell(t, "oras "+arguments)
	if err != nil {
		t.Fatalf("oras %s: %v\n%s", arguments, err, output)
	}
	return strings.TrimSpace(output)
}

// read gives a file of the project.
func read(t *testing.T, path string) string {
	t.Helper()
	bytes, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatalf("%v: `make oci` writes it", err)
	}
	return string(bytes)
}

// version is that of the filter: the one file that is named by a version alone.
func version(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "target/oci/*-wasm.digest"))
	if err != nil || len(found) != 1 {
		t.Fatalf("one target/oci/*-wasm.digest expected, found %v: `make oci` writes it", found)
	}
	return strings.TrimSuffix(filepath.Base(found[0]), "-wasm.digest")
}

// digest is what `make oci` has written of a tag.
func digest(t *testing.T, tag string) string {
	t.Helper()
	return strings.TrimSpace(read(t, "target/oci/"+tag+".digest"))
}

// filter is the .wasm that `make wasm` has built.
func filter(t *testing.T) string {
	t.Helper()
	return read(t, "target/wasm32-wasip1/release/oidc_gate.wasm")
}

// push brings an image and what is attached to it from the layout to a registry.
func push(t *testing.T, host, tag string) (image string) {
	t.Helper()
	image = host + "/team/oidc-gate"
	oras(t, "cp --recursive --from-oci-layout target/oci/image:"+tag+" "+image+":"+tag)
	return image
}
