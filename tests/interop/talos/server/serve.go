package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"sync"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// What Talos' chunker puts in a message.
const chunk = 1024

type talos struct {
	machine.UnimplementedMachineServiceServer

	host  string
	nodes []node

	mutex sync.Mutex
	calls *json.Encoder
}

// A call as the tests judge it.
type call struct {
	Method   string   `json:"method"`
	Node     []string `json:"node"`
	Nodes    []string `json:"nodes"`
	Roles    []string `json:"roles"`
	Deadline bool     `json:"deadline"`
}

// enter logs a call and finds the node it is for.
func (t *talos) enter(ctx context.Context) (*node, error) {
	method, _ := grpc.Method(ctx)
	from, _ := metadata.FromIncomingContext(ctx)
	_, deadline := ctx.Deadline()
	seen := call{Method: path.Base(method), Node: from["node"], Nodes: from["nodes"], Roles: roles(ctx), Deadline: deadline}

	t.mutex.Lock()
	defer t.mutex.Unlock()

	if err := t.calls.Encode(seen); err != nil {
		return nil, err
	}

	if len(seen.Nodes) != 0 || len(seen.Node) > 1 {
		return nil, status.Error(codes.InvalidArgument, "one node is asked at a time")
	}

	// The endpoint is the first node, by no name or by its own.
	if len(seen.Node) == 0 || seen.Node[0] == t.host {
		return &t.nodes[0], nil
	}

	for i := range t.nodes {
		if t.nodes[i].Address == seen.Node[0] {
			return &t.nodes[i], nil
		}
	}

	return nil, status.Errorf(codes.Unavailable, "no route to host %q", seen.Node[0])
}

func roles(ctx context.Context) []string {
	from, _ := peer.FromContext(ctx)
	if from == nil {
		return nil
	}

	info, ok := from.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.PeerCertificates) == 0 {
		return nil
	}

	return info.State.PeerCertificates[0].Subject.Organization
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

// answer is the whole of a call whose contents no test is about.
func answer[M ofNode](ctx context.Context, t *talos, message M) ([]M, error) {
	from, err := t.enter(ctx)
	if err != nil {
		return nil, err
	}

	message, err = said(full(message), from)

	return []M{message}, err
}

func (t *talos) Version(ctx context.Context, _ *emptypb.Empty) (*machine.VersionResponse, error) {
	messages, err := answer(ctx, t, &machine.Version{})

	return &machine.VersionResponse{Messages: messages}, err
}

func (t *talos) ServiceList(ctx context.Context, _ *emptypb.Empty) (*machine.ServiceListResponse, error) {
	messages, err := answer(ctx, t, &machine.ServiceList{})

	return &machine.ServiceListResponse{Messages: messages}, err
}

func (t *talos) EtcdAlarmList(ctx context.Context, _ *emptypb.Empty) (*machine.EtcdAlarmListResponse, error) {
	messages, err := answer(ctx, t, &machine.EtcdAlarm{})

	return &machine.EtcdAlarmListResponse{Messages: messages}, err
}

func (t *talos) EtcdMemberList(ctx context.Context, _ *machine.EtcdMemberListRequest) (*machine.EtcdMemberListResponse, error) {
	from, err := t.enter(ctx)
	if err != nil {
		return nil, err
	}

	message := full(&machine.EtcdMembers{})
	message.Members = nil

	for _, one := range t.nodes {
		member, err := overridden(full(&machine.EtcdMember{}), one.Member)
		if err != nil {
			return nil, err
		}

		message.Members = append(message.Members, member)
	}

	message, err = said(message, from)

	return &machine.EtcdMemberListResponse{Messages: []*machine.EtcdMembers{message}}, err
}

func (t *talos) EtcdStatus(ctx context.Context, _ *emptypb.Empty) (*machine.EtcdStatusResponse, error) {
	from, err := t.enter(ctx)
	if err != nil {
		return nil, err
	}

	message := full(&machine.EtcdStatus{})
	if message.MemberStatus, err = overridden(message.MemberStatus, from.Status); err != nil {
		return nil, err
	}

	message, err = said(message, from)

	return &machine.EtcdStatusResponse{Messages: []*machine.EtcdStatus{message}}, err
}

func (t *talos) EtcdSnapshot(_ *machine.EtcdSnapshotRequest, stream machine.MachineService_EtcdSnapshotServer) error {
	from, err := t.enter(stream.Context())
	if err != nil {
		return err
	}

	file, err := os.Open(from.Snapshot)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck

	for {
		bytes := make([]byte, chunk)

		length, err := io.ReadFull(file, bytes)
		if length > 0 {
			message := full(&common.Data{})
			message.Bytes = bytes[:length]

			if message, err = said(message, from); err == nil {
				err = stream.Send(message)
			}

			if err != nil {
				return err
			}

			continue
		}

		if errors.Is(err, io.EOF) {
			return nil
		}

		return err
	}
}
