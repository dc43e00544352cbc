package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Reset wipes etcd's data and reboots, if the scenario does not say that it fails.
func (t *talos) Reset(ctx context.Context, request *machine.ResetRequest) (*machine.ResetResponse, error) {
	from, err := t.scripted(ctx)
	if err != nil {
		return nil, err
	}

	t.mutex.Lock()
	defer t.mutex.Unlock()

	wiped, err := from.Machine.wipes(request)
	if err != nil {
		return nil, err
	}

	message := full(&machine.Reset{})
	message.ActorId = fmt.Sprintf("actor-of-boot-%d", from.Machine.boots)

	// The sequence begins when the answer is on its way.
	time.AfterFunc(100*time.Millisecond, func() { t.reset(from, message.ActorId, wiped) })

	messages, err := saidOnce(message, from)

	return &machine.ResetResponse{Messages: messages}, err
}

// wipes tells whether etcd's data is on what is wiped. Of a label that is no partition Talos says
// that there is none.
func (c *controlPlane) wipes(request *machine.ResetRequest) (bool, error) {
	place, wiped := "EPHEMERAL", false
	if c.EtcdPartition {
		place = "ETCD"
	}

	for _, one := range request.GetSystemPartitionsToWipe() {
		if one.GetLabel() == "ETCD" && !c.EtcdPartition {
			return false, errors.New(`volume "ETCD" is not a partition`)
		}

		wiped = wiped || one.GetWipe() && one.GetLabel() == place
	}

	return wiped, nil
}

func (t *talos) reset(of *node, actor string, wiped bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()

	of.Machine.tellReset(actor)

	if of.Machine.ResetFails != "" {
		return
	}

	of.Machine.boots++
	of.Machine.away = time.Now().Add(reboot)
	of.Machine.booted = of.Machine.away

	if wiped {
		of.Machine.stages, of.Machine.uploaded = []stage{waiting(of.Machine.away)}, nil
	}

	of.Machine.hangUp()
}

// EtcdRecover keeps of an upload what is asked of it afterwards.
func (t *talos) EtcdRecover(stream machine.MachineService_EtcdRecoverServer) error {
	from, err := t.scripted(stream.Context())
	if err != nil {
		return err
	}

	seen, sum := upload{}, sha256.New()

	for {
		data, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			return err
		}

		sum.Write(data.GetBytes()) //nolint:errcheck

		seen.Messages++
		seen.Bytes += int64(len(data.GetBytes()))
		seen.Largest = max(seen.Largest, len(data.GetBytes()))
	}

	seen.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if err := t.journal.write(stream.Context(), call{Upload: &seen}); err != nil {
		return err
	}

	t.mutex.Lock()
	from.Machine.uploaded = &seen.Bytes
	t.mutex.Unlock()

	messages, err := saidOnce(full(&machine.EtcdRecover{}), from)
	if err != nil {
		return err
	}

	return stream.SendAndClose(&machine.EtcdRecoverResponse{Messages: messages})
}

// Bootstrap answers before anything is restored, as Talos does.
func (t *talos) Bootstrap(ctx context.Context, request *machine.BootstrapRequest) (*machine.BootstrapResponse, error) {
	from, err := t.scripted(ctx)
	if err != nil {
		return nil, err
	}

	t.mutex.Lock()
	defer t.mutex.Unlock()

	if refused := from.Machine.Refusals; len(refused) != 0 {
		from.Machine.Refusals = refused[1:]

		return nil, status.Error(refused[0].Code, refused[0].Message)
	}

	if from.Machine.now().database {
		return nil, status.Error(codes.AlreadyExists, "etcd data directory is not empty")
	}

	from.Machine.stages = from.Machine.restoring()

	// Talos deletes the upload when it has been restored.
	if from.Machine.RestoreFails == "" {
		from.Machine.uploaded, from.Machine.restored = nil, request.GetRecoverEtcd()
	}

	messages, err := saidOnce(full(&machine.Bootstrap{}), from)

	return &machine.BootstrapResponse{Messages: messages}, err
}
