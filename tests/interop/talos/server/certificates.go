package main

import (
	"crypto/tls"
	stdx509 "crypto/x509"
	"errors"
	"net"
	"time"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/client/config"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/role"
)

// Makes a cluster's CA, the server's certificate and a client's as Talos makes them (Ed25519,
// roles as organizations), and writes the talosconfig of that client.
func certificates(endpoint, talosconfig string, allowed role.Role) (*tls.Config, error) {
	now := time.Now()

	authority, err := secrets.NewTalosCA(now.Add(-time.Hour))
	if err != nil {
		return nil, err
	}

	identity := &x509.PEMEncodedCertificateAndKey{Crt: authority.CrtPEM, Key: authority.KeyPEM}

	client, err := secrets.NewAdminCertificateAndKey(now, identity, role.MakeSet(allowed), 24*time.Hour)
	if err != nil {
		return nil, err
	}

	if err := config.NewConfig("stubs", []string{endpoint}, identity.Crt, client).Save(talosconfig); err != nil {
		return nil, err
	}

	server, err := x509.NewKeyPair(
		authority,
		x509.CommonName("stub-1"),
		x509.IPAddresses([]net.IP{net.IPv4(127, 0, 0, 1)}),
		x509.NotAfter(now.Add(24*time.Hour)),
		x509.NotBefore(now.Add(-time.Hour)),
		x509.KeyUsage(stdx509.KeyUsageDigitalSignature),
		x509.ExtKeyUsage([]stdx509.ExtKeyUsage{stdx509.ExtKeyUsageServerAuth}),
	)
	if err != nil {
		return nil, err
	}

	trusted := stdx509.NewCertPool()
	if !trusted.AppendCertsFromPEM(identity.Crt) {
		return nil, errors.New("the CA is no certificate")
	}

	return &tls.Config{
		Certificates: []tls.Certificate{*server.Certificate},
		ClientCAs:    trusted,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{"h2"},
	}, nil
}
