package main

import (
	"context"
	"encoding/json"
	"io"
	"path"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
)

// A call as the tests judge it: what the official code decoded.
type call struct {
	Service  string   `json:"service"`
	Method   string   `json:"method"`
	Node     []string `json:"node"`
	Nodes    []string `json:"nodes"`
	Roles    []string `json:"roles"`
	Deadline bool     `json:"deadline"`
	// The message of a call that has one, its defaults included.
	Request json.RawMessage `json:"request,omitempty"`
	// The messages of an upload, summed up.
	Upload *upload `json:"upload,omitempty"`
}

type upload struct {
	Messages int    `json:"messages"`
	Largest  int    `json:"largest"`
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256"`
}

// The journal takes every call down, before it is known whether it is answered.
type journal struct {
	mutex   sync.Mutex
	encoder *json.Encoder
}

func newJournal(to io.Writer) *journal {
	return &journal{encoder: json.NewEncoder(to)}
}

func (j *journal) unary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, answer grpc.UnaryHandler) (any, error) {
	if err := j.request(ctx, request); err != nil {
		return nil, err
	}

	return answer(ctx, request)
}

func (j *journal) stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, answer grpc.StreamHandler) error {
	return answer(server, &heard{ServerStream: stream, journal: j, uploads: info.IsClientStream})
}

// A stream whose incoming messages are looked at.
type heard struct {
	grpc.ServerStream

	journal *journal
	uploads bool
}

func (h *heard) RecvMsg(message any) error {
	if err := h.ServerStream.RecvMsg(message); err != nil {
		return err
	}

	// The whole of an upload is taken down at its end, by who received it.
	if h.uploads {
		return understood(message)
	}

	return h.journal.request(h.Context(), message)
}

func (j *journal) request(ctx context.Context, message any) error {
	if err := understood(message); err != nil {
		return err
	}

	text, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(message.(proto.Message)) //nolint:forcetypeassert
	if err != nil {
		return err
	}

	return j.write(ctx, call{Request: text})
}

// write completes a call by what its context tells.
func (j *journal) write(ctx context.Context, seen call) error {
	method, _ := grpc.Method(ctx)
	from, _ := metadata.FromIncomingContext(ctx)

	seen.Service, seen.Method = strings.Trim(path.Dir(method), "/"), path.Base(method)
	seen.Node, seen.Nodes, seen.Roles = from["node"], from["nodes"], roles(ctx)
	_, seen.Deadline = ctx.Deadline()

	j.mutex.Lock()
	defer j.mutex.Unlock()

	return j.encoder.Encode(seen)
}

// understood refuses a message with a field that the official code does not know: a wrong number
// or wire type would otherwise pass as a default.
func understood(message any) error {
	return protorange.Range(message.(proto.Message).ProtoReflect(), func(at protopath.Values) error { //nolint:forcetypeassert
		if at.Index(-1).Step.Kind() == protopath.UnknownAccessStep {
			return status.Errorf(codes.InvalidArgument, "no Talos knows the field at %s", at.Path)
		}

		return nil
	})
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
