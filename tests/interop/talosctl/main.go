// Command talosctl is Talos' own: its commands as the official module has them, under a root of
// ours. Left out are those that make clusters on this machine (`talosctl cluster`): they need a
// fork of wireguard's library that the checksum database does not know.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	_ "github.com/siderolabs/talos/cmd/talosctl/acompat"
	"github.com/siderolabs/talos/cmd/talosctl/cmd/common"
	"github.com/siderolabs/talos/cmd/talosctl/cmd/mgmt/gen"
	"github.com/siderolabs/talos/cmd/talosctl/cmd/talos"
)

func main() {
	root := &cobra.Command{
		Use:           "talosctl",
		Short:         "Talos' own commands, for the tests",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(gen.Cmd)
	root.AddCommand(talos.Commands...)
	if err := root.ExecuteContext(context.Background()); err != nil {
		if !common.SuppressErrors {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
}
