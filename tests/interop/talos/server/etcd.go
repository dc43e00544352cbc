package main

import (
	"context"
	"crypto/sha1"
	"encoding/binary"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// What a call of etcd ends with where no etcd listens. Talos lets the caller wait for its own
// deadline; here it is told at once.
var notListening = status.Error(codes.DeadlineExceeded, "context deadline exceeded")

// serving finds the node that a call of etcd is for.
func (t *talos) serving(ctx context.Context) (*node, error) {
	from, err := t.route(ctx)
	if err != nil {
		return nil, err
	}

	t.mutex.Lock()
	defer t.mutex.Unlock()

	if from.Machine != nil && !from.Machine.now().serves {
		return nil, notListening
	}

	return from, nil
}

func (t *talos) EtcdMemberList(ctx context.Context, _ *machine.EtcdMemberListRequest) (*machine.EtcdMemberListResponse, error) {
	from, err := t.serving(ctx)
	if err != nil {
		return nil, err
	}

	t.mutex.Lock()
	defer t.mutex.Unlock()

	message := full(&machine.EtcdMembers{})
	message.Members = nil

	for i := range t.nodes {
		if member, err := t.nodes[i].member(); err != nil {
			return nil, err
		} else if member != nil {
			message.Members = append(message.Members, member)
		}
	}

	// Between two looks at the list another one comes nearer.
	for i := range t.nodes {
		t.nodes[i].Machine.join()
	}

	messages, err := saidOnce(message, from)

	return &machine.EtcdMemberListResponse{Messages: messages}, err
}

// A member of the cluster, if the node is one.
func (n *node) member() (*machine.EtcdMember, error) {
	member := full(&machine.EtcdMember{})

	if n.Machine == nil {
		return overridden(member, n.Member)
	}

	if !n.Machine.now().serves {
		return nil, nil //nolint:nilnil
	}

	member.Id = n.memberID()
	member.Hostname = n.Machine.Hostname
	member.PeerUrls = []string{n.peerURL()}
	member.IsLearner = n.Machine.now().learns

	return member, nil
}

func (t *talos) EtcdStatus(ctx context.Context, _ *emptypb.Empty) (*machine.EtcdStatusResponse, error) {
	from, err := t.serving(ctx)
	if err != nil {
		return nil, err
	}

	t.mutex.Lock()
	defer t.mutex.Unlock()

	message := full(&machine.EtcdStatus{})

	if from.Machine == nil {
		if message.MemberStatus, err = overridden(message.MemberStatus, from.Status); err != nil {
			return nil, err
		}
	} else {
		message.MemberStatus.MemberId = from.memberID()
		message.MemberStatus.Leader = t.leader()
		message.MemberStatus.IsLearner = from.Machine.now().learns
		message.MemberStatus.Errors = nil
		message.MemberStatus.ProtocolVersion = "3.6.12"
		message.MemberStatus.StorageVersion = "3.6.0"
	}

	messages, err := saidOnce(message, from)

	return &machine.EtcdStatusResponse{Messages: messages}, err
}

// The first that votes leads.
func (t *talos) leader() uint64 {
	for i := range t.nodes {
		if now := t.nodes[i].Machine.now(); now.serves && !now.learns {
			return t.nodes[i].memberID()
		}
	}

	return 0
}

// Alarms of nodes that are scripted are none: one of the kind NONE is there, as etcd may say.
func (t *talos) EtcdAlarmList(ctx context.Context, _ *emptypb.Empty) (*machine.EtcdAlarmListResponse, error) {
	from, err := t.serving(ctx)
	if err != nil {
		return nil, err
	}

	message := full(&machine.EtcdAlarm{})
	if from.Machine != nil {
		message.MemberAlarms = message.MemberAlarms[:1]
		message.MemberAlarms[0].Alarm = machine.EtcdMemberAlarm_NONE
	}

	messages, err := saidOnce(message, from)

	return &machine.EtcdAlarmListResponse{Messages: messages}, err
}

// The id that etcd makes of a member's peer URL and the cluster's token, which a restore by Talos
// leaves empty.
func (n *node) memberID() uint64 {
	token := "etcd-cluster"
	if n.Machine.restored {
		token = ""
	}

	sum := sha1.Sum([]byte(n.peerURL() + token)) //nolint:gosec

	return binary.BigEndian.Uint64(sum[:8])
}
