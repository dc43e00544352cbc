// Prints the table of field numbers that `shared/src/snapshot/kubernetes/schema.txt` is: every
// kind of the Kubernetes API that is stored as protobuf, by the tags of the API's own Go types.
//
//	schema > shared/src/snapshot/kubernetes/schema.txt
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"sort"
	"strings"

	"k8s.io/client-go/kubernetes/scheme"
)

// Types with a form of their own in JSON; the reader knows each by name.
var special = map[string]bool{
	"k8s.io/apimachinery/pkg/api/resource.Quantity":   true,
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString": true,
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":       true,
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":  true,
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":   true,
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":   true,
	"k8s.io/apimachinery/pkg/runtime.RawExtension":    true,
}

// Requests and views that are never stored.
var passing = map[string]bool{"Scale": true, "Eviction": true, "Binding": true, "ComponentStatus": true}

// Versions no API server of the last five years stores.
var gone = map[string]bool{"apps/v1beta1": true, "apps/v1beta2": true, "extensions/v1beta1": true}

// Whether objects of this kind can be met in etcd.
func stored(version, kind string, fields reflect.Type) bool {
	if passing[kind] || gone[version] || strings.HasPrefix(version, "authentication") || strings.HasPrefix(version, "authorization") {
		return false
	}
	_, list := fields.FieldByName("ListMeta")
	meta, object := fields.FieldByName("ObjectMeta")
	return object && !list && strings.HasPrefix(meta.Tag.Get("protobuf"), "bytes,1,")
}

// `k8s.io/api/apps/v1.Deployment` as `apps.v1.Deployment`.
func name(t reflect.Type) string {
	path := strings.Split(t.PkgPath(), "/")
	return strings.Join(path[len(path)-2:], ".") + "." + t.Name()
}

type table struct {
	messages map[string]reflect.Type
	waiting  []reflect.Type
}

func (t *table) want(message reflect.Type) string {
	if special[message.PkgPath()+"."+message.Name()] {
		return message.Name()
	}
	key := name(message)
	if known, seen := t.messages[key]; seen && known != message {
		fail("two types named %s", key)
	} else if !seen {
		t.messages[key] = message
		t.waiting = append(t.waiting, message)
	}
	return key
}

// The code of a type: s b i y, a name, [] and {} before it.
func (t *table) code(of reflect.Type) string {
	switch of.Kind() {
	case reflect.String:
		return "s"
	case reflect.Bool:
		return "b"
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "i"
	case reflect.Struct:
		return t.want(of)
	case reflect.Slice:
		if of.Elem().Kind() == reflect.Uint8 {
			return "y"
		}
		// A named list is a message of its own with its items in field 1.
		if _, message := reflect.PointerTo(of).MethodByName("MarshalToSizedBuffer"); message {
			return "<>" + t.code(of.Elem())
		}
		return "[]" + t.code(of.Elem())
	case reflect.Map:
		if of.Key().Kind() != reflect.String {
			fail("a map by %s", of.Key())
		}
		return "{}" + t.code(of.Elem())
	case reflect.Pointer:
		return t.code(of.Elem())
	}
	fail("no code for %s", of)
	return ""
}

func (t *table) field(out *bufio.Writer, field reflect.StructField) {
	tag := field.Tag.Get("protobuf")
	if tag == "" || tag == "-" {
		return
	}
	number := strings.Split(tag, ",")[1]
	json := strings.Split(field.Tag.Get("json"), ",")
	flags := ""
	if field.Type.Kind() == reflect.Pointer {
		flags += "?"
	}
	for _, option := range json[1:] {
		flags += map[string]string{"omitempty": "~", "omitzero": "!"}[option]
	}
	// What is embedded has no name: its fields show as those of the outer one.
	label := json[0]
	if label == "" && !field.Anonymous {
		fail("no JSON name: %s", field.Name)
	} else if label == "" {
		label = "-"
	}
	fmt.Fprintf(out, "%s %s %s%s\n", number, label, t.code(field.Type), flags)
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	release := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "k8s.io/api" {
				release = strings.Replace(module.Version, "v0.", "1.", 1)
			}
		}
	}
	fmt.Fprintf(out, "# Field numbers and JSON names of the Kubernetes %s API, written by\n", release)
	fmt.Fprintf(out, "# tests/interop/kubernetes/schema; not to be edited. How it is read: schema.rs.\n")
	t := &table{messages: map[string]reflect.Type{}}
	var kinds []string
	for gvk, of := range scheme.Scheme.AllKnownTypes() {
		if gvk.Version == "__internal" || !stored(gvk.GroupVersion().String(), gvk.Kind, of) {
			continue
		}
		kinds = append(kinds, fmt.Sprintf("%s %s %s", gvk.GroupVersion(), gvk.Kind, t.want(of)))
	}
	sort.Strings(kinds)
	for _, kind := range kinds {
		fmt.Fprintf(out, "kind %s\n", kind)
	}
	bodies := map[string]string{}
	for len(t.waiting) > 0 {
		message := t.waiting[0]
		t.waiting = t.waiting[1:]
		var body strings.Builder
		lines := bufio.NewWriter(&body)
		for index := 0; index < message.NumField(); index++ {
			t.field(lines, message.Field(index))
		}
		lines.Flush()
		bodies[name(message)] = body.String()
	}
	var names []string
	for name := range bodies {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(out, "message %s\n%s", name, bodies[name])
	}
}
