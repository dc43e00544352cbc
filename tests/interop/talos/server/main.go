// Command talos-server is a Talos API on loopback, made of the official generated stubs. It
// answers for the nodes of a scenario, with every field of every message set, those we know
// and some that nobody knows yet.
//
//	talos-server -folder FOLDER -scenario FILE [-role ROLE] [-machine-config FILE]
//
// It writes a talosconfig into the folder and every call into calls.jsonl there, prints one
// line of JSON when it serves, and ends with stdin.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

func main() {
	folder := flag.String("folder", ".", "folder to write into")
	scenario := flag.String("scenario", "", "scenario to play")
	allowed := flag.String("role", string(role.EtcdBackup), "role of the client")
	config := flag.String("machine-config", "", "machine config that all nodes have")
	flag.Parse()

	if err := run(*folder, *scenario, *config, role.Role(*allowed)); err != nil {
		fmt.Fprintln(os.Stderr, "talos-server:", err)
		os.Exit(1)
	}
}

func run(folder, scenario, config string, allowed role.Role) error {
	nodes, err := readScenario(scenario)
	if err != nil {
		return err
	}

	var machineConfig []byte
	if config != "" {
		if machineConfig, err = os.ReadFile(config); err != nil {
			return err
		}
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}

	endpoint := listener.Addr().String()

	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		return err
	}

	tls, err := certificates(endpoint, filepath.Join(folder, "talosconfig"), allowed)
	if err != nil {
		return err
	}

	calls, err := os.Create(filepath.Join(folder, "calls.jsonl"))
	if err != nil {
		return err
	}
	defer calls.Close() //nolint:errcheck

	api := &talos{host: host, config: machineConfig, journal: newJournal(calls), nodes: nodes}
	server := api.server(credentials.NewTLS(tls))

	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck
		server.Stop()
	}()

	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"endpoint": endpoint}); err != nil {
		return err
	}

	return server.Serve(listener)
}

// server is the API, behind the journal.
func (t *talos) server(tls credentials.TransportCredentials) *grpc.Server {
	server := grpc.NewServer(
		grpc.Creds(tls),
		grpc.UnaryInterceptor(t.journal.unary),
		grpc.StreamInterceptor(t.journal.stream),
	)
	machine.RegisterMachineServiceServer(server, t)
	v1alpha1.RegisterStateServer(server, &resources{talos: t})

	return server
}
