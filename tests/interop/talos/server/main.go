// Command talos-server is a Talos API on loopback, made of the official generated stubs. It
// answers for the nodes of a scenario, with every field of every message set, those we know
// and some that nobody knows yet.
//
//	talos-server -folder FOLDER -scenario FILE
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

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

func main() {
	folder := flag.String("folder", ".", "folder to write into")
	scenario := flag.String("scenario", "", "scenario to play")
	flag.Parse()

	if err := run(*folder, *scenario); err != nil {
		fmt.Fprintln(os.Stderr, "talos-server:", err)
		os.Exit(1)
	}
}

func run(folder, scenario string) error {
	nodes, err := readScenario(scenario)
	if err != nil {
		return err
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

	tls, err := certificates(endpoint, filepath.Join(folder, "talosconfig"))
	if err != nil {
		return err
	}

	calls, err := os.Create(filepath.Join(folder, "calls.jsonl"))
	if err != nil {
		return err
	}
	defer calls.Close() //nolint:errcheck

	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(tls)))
	machine.RegisterMachineServiceServer(server, &talos{host: host, nodes: nodes, calls: json.NewEncoder(calls)})

	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck
		server.Stop()
	}()

	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"endpoint": endpoint}); err != nil {
		return err
	}

	return server.Serve(listener)
}
