package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	data         = "/var/lib/etcd"
	database     = data + "/member/snap/db"
	uploadedFile = "/var/lib/etcd.snapshot"
)

// What lies at a path; bytes of a folder are its own.
type entry struct {
	path   string
	bytes  int64
	folder bool
}

func absent(path string) error {
	return status.Errorf(codes.Unknown, "stat %s: no such file or directory", path)
}

// tree is all that lies on the machine's disk, sorted by path.
func (c *controlPlane) tree() []entry {
	var all []entry

	for _, path := range []string{"/var", "/var/lib", "/var/lib/containerd", data, "/var/lib/kubelet", "/var/log"} {
		all = append(all, entry{path: path, bytes: 4096, folder: true})
	}

	now := c.now()
	if now.database {
		for _, path := range []string{"/member", "/member/snap"} {
			all = append(all, entry{path: data + path, bytes: 4096, folder: true})
		}

		size := int64(4096)
		if info, err := os.Stat(c.Database); err == nil {
			size = info.Size()
		}

		all = append(all, entry{path: database, bytes: size})
	}

	if now.log {
		all = append(all,
			entry{path: data + "/member/wal", bytes: 4096, folder: true},
			entry{path: data + "/member/wal/0000000000000000-0000000000000000.wal", bytes: 64_000_000})
	}

	if c.uploaded != nil {
		all = append(all, entry{path: uploadedFile, bytes: *c.uploaded})
	}

	for path, bytes := range c.LocalData {
		all = append(all, entry{path: path, bytes: bytes, folder: true})
	}

	slices.SortFunc(all, func(one, other entry) int { return strings.Compare(one.path, other.path) })

	return all
}

// find is the tree of a call's node, and in it a path.
func (t *talos) find(from *node, path string) (tree []entry, found entry, err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()

	tree = from.Machine.tree()

	at := slices.IndexFunc(tree, func(one entry) bool { return one.path == path })
	if at < 0 {
		return nil, entry{}, absent(path)
	}

	return tree, tree[at], nil
}

func (t *talos) List(request *machine.ListRequest, stream machine.MachineService_ListServer) error {
	from, err := t.scripted(stream.Context())
	if err != nil {
		return err
	}

	tree, root, err := t.find(from, request.GetRoot())
	if err != nil {
		return err
	}

	for _, one := range tree {
		relative, below := strings.CutPrefix(one.path, root.path+"/")
		depth := strings.Count(relative, "/") + 1

		switch {
		case one == root && root.folder:
			relative = "."
		case one == root:
			relative = root.path[strings.LastIndex(root.path, "/")+1:]
		case !below || !request.GetRecurse() && depth > 1:
			continue
		case request.GetRecursionDepth() > 0 && depth > int(request.GetRecursionDepth()):
			continue
		}

		if err := sendInfo(one, relative, from, stream); err != nil {
			return err
		}
	}

	return nil
}

func sendInfo(one entry, relative string, from *node, stream machine.MachineService_ListServer) error {
	info := full(&machine.FileInfo{})
	info.Name, info.RelativeName = one.path, relative
	info.Size, info.IsDir = one.bytes, one.folder
	info.Mode, info.Error, info.Link = uint32(0o600), "", ""

	if one.folder {
		info.Mode = uint32(fs.ModeDir | 0o700)
	}

	info, err := said(info, from)
	if err != nil {
		return err
	}

	return stream.Send(info)
}

func (t *talos) DiskUsage(request *machine.DiskUsageRequest, stream machine.MachineService_DiskUsageServer) error {
	from, err := t.scripted(stream.Context())
	if err != nil {
		return err
	}

	// Talos looks at the first path only.
	_, found, err := t.find(from, request.GetPaths()[0])

	info := full(&machine.DiskUsageInfo{})
	info.Name, info.RelativeName = request.GetPaths()[0], request.GetPaths()[0]
	info.Size, info.Error = found.bytes, ""

	if err != nil {
		info.Error = status.Convert(err).Message()
	}

	if info, err = said(info, from); err != nil {
		return err
	}

	return stream.Send(info)
}

func (t *talos) Read(request *machine.ReadRequest, stream machine.MachineService_ReadServer) error {
	from, err := t.scripted(stream.Context())
	if err != nil {
		return err
	}

	content, err := t.open(from, request.GetPath())
	if err != nil {
		return err
	}
	defer content.Close() //nolint:errcheck

	return pour(content, from, stream.Send)
}

// open is a file of the kernel, or the database.
func (t *talos) open(from *node, path string) (io.ReadCloser, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()

	machine := from.Machine
	text := ""

	switch path {
	case "/proc/sys/kernel/random/boot_id":
		text = fmt.Sprintf("%s-boot-%d\n", machine.Hostname, machine.boots)
	case "/proc/uptime":
		text = fmt.Sprintf("%.2f 4.00\n", time.Since(machine.booted).Seconds())
	case "/proc/stat":
		text = fmt.Sprintf("cpu  1 0 1 1 0 0 0 0 0 0\nbtime %d\nprocesses 1\n", machine.booted.Unix())
	case database:
		if machine.now().database && machine.Database != "" {
			return os.Open(machine.Database)
		}
	}

	if text == "" {
		return nil, absent(path)
	}

	return io.NopCloser(bytes.NewReader([]byte(text))), nil
}

func (t *talos) Mounts(ctx context.Context, _ *emptypb.Empty) (*machine.MountsResponse, error) {
	from, err := t.scripted(ctx)
	if err != nil {
		return nil, err
	}

	places := []string{"/", "/var"}
	if from.Machine.EtcdPartition {
		places = append(places, data)
	}

	message := full(&machine.Mounts{})
	message.Stats = nil

	for _, place := range places {
		stat := full(&machine.MountStat{})
		stat.MountedOn, stat.Size, stat.Available = place, 64<<30, 48<<30
		message.Stats = append(message.Stats, stat)
	}

	messages, err := saidOnce(message, from)

	return &machine.MountsResponse{Messages: messages}, err
}
