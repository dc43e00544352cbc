package main

import (
	"context"
	"net/netip"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"
	"github.com/cosi-project/runtime/pkg/state/protobuf/server"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/cluster"
	"github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/etcd"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/siderolabs/talos/pkg/machinery/resources/time"
)

// A machine of the cluster that is no control plane.
const worker = "10.5.0.99"

// The resources of the nodes: the official server over the official types, encoded by them.
type resources struct {
	v1alpha1.UnimplementedStateServer

	talos *talos
}

func (r *resources) Get(ctx context.Context, request *v1alpha1.GetRequest) (*v1alpha1.GetResponse, error) {
	state, err := r.of(ctx)
	if err != nil {
		return nil, err
	}

	return state.Get(ctx, request)
}

func (r *resources) List(request *v1alpha1.ListRequest, stream v1alpha1.State_ListServer) error {
	state, err := r.of(stream.Context())
	if err != nil {
		return err
	}

	return state.List(request, stream)
}

// of is the state of a call's node as it is now.
func (r *resources) of(ctx context.Context) (*server.State, error) {
	from, err := r.talos.scripted(ctx)
	if err != nil {
		return nil, err
	}

	r.talos.mutex.Lock()
	defer r.talos.mutex.Unlock()

	state := namespaced.NewState(inmem.Build)

	all := append(from.is(), from.network()...)
	all = append(all, from.volumes()...)
	all = append(all, r.talos.discovered()...)

	if len(r.talos.config) != 0 {
		provider, err := configloader.NewFromBytes(r.talos.config)
		if err != nil {
			return nil, err
		}

		all = append(all, config.NewMachineConfig(provider))
	}

	for _, one := range all {
		if err := state.Create(ctx, one); err != nil {
			return nil, err
		}
	}

	return server.NewState(state), nil
}

// What the machine is, how far it has come, and how its etcd shall run.
func (n *node) is() []resource.Resource {
	kind := config.NewMachineType()
	kind.SetMachineType(machine.TypeControlPlane)

	status := runtime.NewMachineStatus()
	status.TypedSpec().Stage = runtime.MachineStageRunning
	status.TypedSpec().Status.Ready = true

	if !n.Machine.now().serves {
		status.TypedSpec().Stage = runtime.MachineStageBooting
		status.TypedSpec().Status = runtime.MachineStatusStatus{
			UnmetConditions: []runtime.UnmetCondition{{Name: "services", Reason: "etcd not running"}},
		}
	}

	clock := time.NewStatus()
	*clock.TypedSpec() = time.StatusSpec{Synced: true, Epoch: 7}

	info := cluster.NewInfo()
	*info.TypedSpec() = cluster.InfoSpec{ClusterID: "id of the cluster", ClusterName: "stubs"}

	spec := etcd.NewSpec(etcd.NamespaceName, etcd.SpecID)
	*spec.TypedSpec() = etcd.SpecSpec{
		Name:                  n.Machine.Hostname,
		AdvertisedAddresses:   []netip.Addr{n.ip()},
		ListenPeerAddresses:   []netip.Addr{netip.IPv6Unspecified()},
		ListenClientAddresses: []netip.Addr{netip.IPv6Unspecified()},
		Image:                 "registry.k8s.io/etcd:v3.6.12",
		ExtraArgs: map[string]etcd.ArgValues{
			"election-timeout":    {Values: []string{"5000"}},
			"quota-backend-bytes": {Values: []string{"2147483648", "8589934592"}},
		},
	}

	return []resource.Resource{kind, status, clock, info, spec}
}

func (n *node) network() []resource.Resource {
	name := network.NewHostnameStatus(network.NamespaceName, network.HostnameID)
	*name.TypedSpec() = network.HostnameStatusSpec{Hostname: n.Machine.Hostname, Domainname: "example"}

	addresses := network.NewNodeAddress(network.NamespaceName, network.NodeAddressRoutedID)
	addresses.TypedSpec().Addresses = []netip.Prefix{netip.PrefixFrom(n.ip(), n.ip().BitLen())}

	return []resource.Resource{name, addresses}
}

func (n *node) volumes() []resource.Resource {
	volume := func(id string, spec block.VolumeStatusSpec) resource.Resource {
		status := block.NewVolumeStatus(block.NamespaceName, id)
		spec.Phase, spec.PreFailPhase = block.VolumePhaseReady, block.VolumePhaseLocated
		spec.EncryptionProvider = block.EncryptionProviderLUKS2
		spec.EncryptionFailedSyncs = []string{"kms"}
		*status.TypedSpec() = spec

		return status
	}

	own := block.VolumeStatusSpec{Type: block.VolumeTypeDirectory, ParentID: "EPHEMERAL", MountLocation: data}
	if n.Machine.EtcdPartition {
		own = block.VolumeStatusSpec{Type: block.VolumeTypePartition, Location: "/dev/sda5", PartitionIndex: 5, Size: 8 << 30}
	}

	return []resource.Resource{
		volume("EPHEMERAL", block.VolumeStatusSpec{
			Type: block.VolumeTypePartition, Location: "/dev/sda4", ParentLocation: "/dev/sda",
			PartitionIndex: 4, Size: 64 << 30, PrettySize: "69 GB", Filesystem: block.FilesystemTypeXFS,
		}),
		volume("ETCD", own),
	}
}

// All control planes, and a worker.
func (t *talos) discovered() []resource.Resource {
	members := []resource.Resource{discovered("stub-worker", netip.MustParseAddr(worker), machine.TypeWorker)}

	for i := range t.nodes {
		name := t.nodes[i].Machine.Hostname
		members = append(members, discovered(name, t.nodes[i].ip(), machine.TypeControlPlane))
	}

	return members
}

func discovered(name string, address netip.Addr, kind machine.Type) resource.Resource {
	member := cluster.NewMember(cluster.NamespaceName, name)
	*member.TypedSpec() = cluster.MemberSpec{
		NodeID:          "id of " + name,
		Addresses:       []netip.Addr{address},
		Hostname:        name,
		MachineType:     kind,
		OperatingSystem: "Talos",
	}

	if kind == machine.TypeControlPlane {
		member.TypedSpec().ControlPlane = &cluster.ControlPlane{APIServerPort: 6443}
	}

	return member
}

func (n *node) ip() netip.Addr {
	return netip.MustParseAddr(n.Address)
}
