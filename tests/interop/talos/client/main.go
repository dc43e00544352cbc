// Command talos-client calls a Talos API through the official client library and prints what
// came back as one JSON object, for the tests to judge.
//
//	talos-client -talosconfig FILE [-endpoints A,B] [-node N | -nodes N,M] [-unfiltered] CALL
//
// CALL is version, services, members, status, alarms, machine-type, cluster, snapshot=FILE, or what
// changes a node: wipe[=LABEL], recover=FILE, bootstrap; events=STATE waits for etcd in that state.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// What the tests read.
type report struct {
	// The answer in protobuf's JSON, or what the call made of it.
	Answer any `json:"answer,omitempty"`
	// The call's own failure.
	Error *failure `json:"error,omitempty"`
	// Failures that came as messages of single nodes, as the library tells them.
	Nodes []failure `json:"nodes,omitempty"`
}

type failure struct {
	Node    string `json:"node,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func failed(node string, err error) failure {
	return failure{Node: node, Code: client.StatusCode(err).String(), Message: message(err)}
}

func message(err error) string {
	if answer, ok := status.FromError(err); ok {
		return answer.Message()
	}

	return err.Error()
}

func main() {
	talosconfig := flag.String("talosconfig", "", "talosconfig to use")
	endpoints := flag.String("endpoints", "", "endpoints instead of the context's")
	node := flag.String("node", "", "the one node that shall answer")
	nodes := flag.String("nodes", "", "the nodes that shall answer")
	unfiltered := flag.Bool("unfiltered", false, "leave the failures of nodes among the messages")
	timeout := flag.Duration("timeout", 20*time.Second, "limit of the whole call")
	flag.Parse()

	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()

	if *node != "" {
		ctx = client.WithNode(ctx, *node)
	}

	if *nodes != "" {
		ctx = client.WithNodes(ctx, strings.Split(*nodes, ",")...)
	}

	options := []client.OptionFunc{client.WithConfigFromFile(*talosconfig)}
	if *endpoints != "" {
		options = append(options, client.WithEndpoints(strings.Split(*endpoints, ",")...))
	}

	result, err := call(ctx, options, flag.Arg(0), *unfiltered)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}

	if err != nil {
		fmt.Fprintln(os.Stderr, "talos-client:", err)
		os.Exit(1)
	}
}

// An error of call is one of this program or its arguments; what Talos said is in the report.
func call(ctx context.Context, options []client.OptionFunc, name string, unfiltered bool) (*report, error) {
	talos, err := client.New(ctx, options...)
	if err != nil {
		return nil, err
	}
	defer talos.Close() //nolint:errcheck

	name, file, _ := strings.Cut(name, "=")

	ask, known := calls[name]
	if !known {
		return nil, fmt.Errorf("no such call: %q", name)
	}

	answer, err := ask(ctx, talos, question{file: file, unfiltered: unfiltered})

	return reported(answer, err)
}

func reported(answer any, err error) (*report, error) {
	result := &report{}

	if message, ok := answer.(proto.Message); ok {
		if message.ProtoReflect().IsValid() {
			text, marshalError := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(message)
			if marshalError != nil {
				return nil, marshalError
			}

			result.Answer = json.RawMessage(text)
		}
	} else {
		result.Answer = answer
	}

	var many *multierror.Error
	if !errors.As(err, &many) {
		many = &multierror.Error{Errors: []error{err}}
	}

	for _, one := range many.Errors {
		var ofNode *client.NodeError

		switch {
		case one == nil:
		case errors.As(one, &ofNode):
			result.Nodes = append(result.Nodes, failed(ofNode.Node, ofNode.Err))
		default:
			said := failed("", one)
			result.Error = &said
		}
	}

	return result, nil
}
