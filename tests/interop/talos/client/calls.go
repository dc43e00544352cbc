package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/resources/cluster"
	"github.com/siderolabs/talos/pkg/machinery/resources/config"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

type question struct {
	file       string
	unfiltered bool
}

type ask func(context.Context, *client.Client, question) (any, error)

var nothing = &emptypb.Empty{}

var calls = map[string]ask{
	"version":      unary((*client.Client).Version, machine.MachineServiceClient.Version),
	"services":     unary((*client.Client).ServiceList, machine.MachineServiceClient.ServiceList),
	"status":       unary((*client.Client).EtcdStatus, machine.MachineServiceClient.EtcdStatus),
	"alarms":       unary((*client.Client).EtcdAlarmList, machine.MachineServiceClient.EtcdAlarmList),
	"members":      members,
	"snapshot":     snapshot,
	"machine-type": machineType,
	"cluster":      clusterMembers,
}

// A unary call, as the library makes it or as it goes over the wire.
func unary[A proto.Message](
	library func(*client.Client, context.Context, ...grpc.CallOption) (A, error),
	wire func(machine.MachineServiceClient, context.Context, *emptypb.Empty, ...grpc.CallOption) (A, error),
) ask {
	return func(ctx context.Context, talos *client.Client, how question) (any, error) {
		if how.unfiltered {
			return wire(talos.MachineClient, ctx, nothing)
		}

		return library(talos, ctx)
	}
}

func members(ctx context.Context, talos *client.Client, how question) (any, error) {
	if how.unfiltered {
		return talos.MachineClient.EtcdMemberList(ctx, &machine.EtcdMemberListRequest{})
	}

	return talos.EtcdMemberList(ctx, &machine.EtcdMemberListRequest{})
}

// What a snapshot was, beside its bytes in a file.
type taken struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Of the stream itself, where it was read unfiltered.
	Messages int            `json:"messages,omitempty"`
	Largest  int            `json:"largest,omitempty"`
	Labels   map[string]int `json:"labels,omitempty"`
	Errors   []string       `json:"errors,omitempty"`
}

func snapshot(ctx context.Context, talos *client.Client, how question) (any, error) {
	if how.unfiltered {
		return messages(ctx, talos)
	}

	stream, err := talos.EtcdSnapshot(ctx, &machine.EtcdSnapshotRequest{})
	if err != nil {
		return nil, err
	}
	defer stream.Close() //nolint:errcheck

	file, err := os.Create(how.file)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck

	digest := sha256.New()

	length, err := io.Copy(io.MultiWriter(file, digest), stream)
	if err != nil {
		return nil, err
	}

	return taken{Bytes: length, SHA256: hex.EncodeToString(digest.Sum(nil))}, nil
}

// The stream message by message.
func messages(ctx context.Context, talos *client.Client) (any, error) {
	stream, err := talos.MachineClient.EtcdSnapshot(ctx, &machine.EtcdSnapshotRequest{})
	if err != nil {
		return nil, err
	}

	seen := taken{Labels: map[string]int{}}
	digest := sha256.New()

	for {
		data, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			seen.SHA256 = hex.EncodeToString(digest.Sum(nil))

			return seen, nil
		}

		if err != nil {
			return nil, err
		}

		seen.Messages++
		seen.Bytes += int64(len(data.GetBytes()))
		seen.Largest = max(seen.Largest, len(data.GetBytes()))
		digest.Write(data.GetBytes())

		if metadata := data.GetMetadata(); metadata != nil { //nolint:staticcheck
			seen.Labels[metadata.GetHostname()]++

			if metadata.GetError() != "" {
				seen.Errors = append(seen.Errors, metadata.GetError())
			}
		}
	}
}

func machineType(ctx context.Context, talos *client.Client, _ question) (any, error) {
	found, err := safe.StateGetByID[*config.MachineType](ctx, talos.COSI, config.MachineTypeID)
	if err != nil {
		return nil, err
	}

	return found.MachineType().String(), nil
}

type member struct {
	ID           string   `json:"id"`
	Hostname     string   `json:"hostname"`
	Addresses    []string `json:"addresses"`
	MachineType  string   `json:"machineType"`
	ControlPlane bool     `json:"controlPlane"`
}

// The cluster's name, and its members as discovery has them.
func clusterMembers(ctx context.Context, talos *client.Client, _ question) (any, error) {
	info, err := safe.StateGetByID[*cluster.Info](ctx, talos.COSI, cluster.InfoID)
	if err != nil {
		return nil, err
	}

	found, err := safe.StateListAll[*cluster.Member](ctx, talos.COSI)
	if err != nil {
		return nil, err
	}

	list := []member{}

	for one := range found.All() {
		spec := one.TypedSpec()
		entry := member{
			ID:           one.Metadata().ID(),
			Hostname:     spec.Hostname,
			MachineType:  spec.MachineType.String(),
			ControlPlane: spec.ControlPlane != nil,
		}

		for _, address := range spec.Addresses {
			entry.Addresses = append(entry.Addresses, address.String())
		}

		list = append(list, entry)
	}

	return map[string]any{
		"name":    info.TypedSpec().ClusterName,
		"id":      info.TypedSpec().ClusterID,
		"members": list,
	}, nil
}
