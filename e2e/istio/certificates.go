package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// writeCertificates makes a CA and certificates of it that are good for a day. A name is a DNS name, or the SPIFFE ID
// of a workload.
func writeCertificates(folder string, names []string) error {
	ca := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "CA of a test"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	caKey, err := sign(folder, "ca", ca, nil, nil)
	if err != nil {
		return err
	}
	for _, pair := range names {
		file, name, found := strings.Cut(pair, "=")
		if !found {
			return fmt.Errorf("expected FILE=NAME, found %q", pair)
		}
		certificate := &x509.Certificate{
			Subject:     pkix.Name{CommonName: file},
			KeyUsage:    x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		if strings.HasPrefix(name, "spiffe://") {
			id, err := url.Parse(name)
			if err != nil {
				return err
			}
			certificate.URIs = []*url.URL{id}
		} else {
			certificate.DNSNames = []string{name}
		}
		if _, err := sign(folder, file, certificate, ca, caKey); err != nil {
			return err
		}
	}
	return nil
}

// sign writes a certificate and its key; without an issuer it signs itself.
func sign(
	folder, file string, certificate, issuer *x509.Certificate, issuerKey *ecdsa.PrivateKey,
) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if issuer == nil {
		issuer, issuerKey = certificate, key
	}
	certificate.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	// Clocks of virtual machines jump.
	certificate.NotBefore, certificate.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, certificate, issuer, &key.PublicKey, issuerKey)
	if err != nil {
		return nil, err
	}
	keyDer, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := write(folder, file+".key", "PRIVATE KEY", keyDer); err != nil {
		return nil, err
	}
	return key, write(folder, file+".pem", "CERTIFICATE", der)
}

func write(folder, file, label string, der []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
	return os.WriteFile(filepath.Join(folder, file), text, 0o600)
}
