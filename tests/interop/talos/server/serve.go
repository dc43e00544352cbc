package main

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// What Talos' chunker puts in a message.
const chunk = 1024

type talos struct {
	machine.UnimplementedMachineServiceServer

	host    string
	config  []byte
	journal *journal

	// Guards what the nodes are.
	mutex sync.Mutex
	nodes []node
}

// route finds the node that a call is for.
func (t *talos) route(ctx context.Context) (*node, error) {
	from, _ := metadata.FromIncomingContext(ctx)
	named := from["node"]

	if len(from["nodes"]) != 0 || len(named) > 1 {
		return nil, status.Error(codes.InvalidArgument, "one node is asked at a time")
	}

	// The endpoint is the first node, by no name or by its own.
	if len(named) == 0 || named[0] == t.host {
		return &t.nodes[0], nil
	}

	t.mutex.Lock()
	defer t.mutex.Unlock()

	for i := range t.nodes {
		if t.nodes[i].Address == named[0] && !t.nodes[i].Machine.isAway() {
			return &t.nodes[i], nil
		}
	}

	return nil, status.Errorf(codes.Unavailable, "no route to host %q", named[0])
}

// The control plane that a call is for, where the scenario tells what it is.
func (t *talos) scripted(ctx context.Context) (*node, error) {
	from, err := t.route(ctx)
	if err == nil && from.Machine == nil {
		err = status.Errorf(codes.Unimplemented, "node %q only serves a snapshot", from.Address)
	}

	return from, err
}

// One node's message, as every answer holds them.
type ofNode interface {
	proto.Message
	GetMetadata() *common.Metadata
}

// said finishes one node's message: no failure, and who said it at the end of the bytes.
func said[M ofNode](message M, from *node) (M, error) {
	message.GetMetadata().Error = ""

	return appended(message, &common.Metadata{Hostname: from.Address})
}

// saidOnce is the same as the whole of an answer.
func saidOnce[M ofNode](message M, from *node) ([]M, error) {
	message, err := said(message, from)

	return []M{message}, err
}

func (t *talos) Version(ctx context.Context, _ *emptypb.Empty) (*machine.VersionResponse, error) {
	from, err := t.route(ctx)
	if err != nil {
		return nil, err
	}

	message := full(&machine.Version{})
	if from.Machine != nil {
		message.Version.Tag = from.Machine.Version
	}

	messages, err := saidOnce(message, from)

	return &machine.VersionResponse{Messages: messages}, err
}

func (t *talos) EtcdSnapshot(_ *machine.EtcdSnapshotRequest, stream machine.MachineService_EtcdSnapshotServer) error {
	from, err := t.route(stream.Context())
	if err != nil {
		return err
	}

	file, err := os.Open(from.Snapshot)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck

	return pour(file, from, stream.Send)
}

// pour sends all bytes as Talos' chunker does.
func pour(bytes io.Reader, from *node, send func(*common.Data) error) error {
	for {
		buffer := make([]byte, chunk)

		length, err := io.ReadFull(bytes, buffer)
		if length == 0 {
			if errors.Is(err, io.EOF) {
				return nil
			}

			return err
		}

		message := full(&common.Data{})
		message.Bytes = buffer[:length]

		if message, err = said(message, from); err == nil {
			err = send(message)
		}

		if err != nil {
			return err
		}
	}
}
