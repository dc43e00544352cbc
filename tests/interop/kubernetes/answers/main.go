// Prints what Kubernetes' own decoder makes of a snapshot, one line a live key: the known
// answers of `shared/tests/kubernetes`. Reads bbolt, etcd's records, the encryption and the
// objects with none of our code.
//
//	answers tests/fixtures/before.snap.zst tests/fixtures/secrets-bundle.yaml
package main

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"os"
	"regexp"
	"sort"
	"strings"

	"github.com/klauspost/compress/zstd"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/crypto/nacl/secretbox"
	"google.golang.org/protobuf/encoding/protowire"
	"k8s.io/client-go/kubernetes/scheme"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// bbolt wants a file of its own.
func unpack(path string) string {
	packed := must(os.Open(path))
	defer packed.Close()
	reader := must(zstd.NewReader(packed))
	defer reader.Close()
	file := must(os.CreateTemp("", "snapshot"))
	defer file.Close()
	must(io.Copy(file, reader))
	return file.Name()
}

// Newest record of each key that is not deleted.
func live(path string) map[string][]byte {
	db := must(bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true}))
	defer db.Close()
	found := map[string][]byte{}
	must(0, db.View(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("key")).ForEach(func(revision, record []byte) error {
			key, value := keyValue(record)
			if len(revision) == 18 {
				delete(found, key)
			} else {
				found[key] = append([]byte{}, value...)
			}
			return nil
		})
	}))
	return found
}

func keyValue(record []byte) (key string, value []byte) {
	for len(record) > 0 {
		number, kind, length := protowire.ConsumeTag(record)
		record = record[length:]
		if kind == protowire.BytesType {
			field, length := protowire.ConsumeBytes(record)
			if number == 1 {
				key = string(field)
			} else if number == 5 {
				value = field
			}
			record = record[length:]
		} else {
			record = record[protowire.ConsumeFieldValue(number, kind, record):]
		}
	}
	return key, value
}

type keys struct {
	secretbox [32]byte
	cbc       []byte
}

func bundle(path string) (found keys) {
	text := string(must(os.ReadFile(path)))
	read := func(field string) []byte {
		match := regexp.MustCompile(field + `: (\S+)`).FindStringSubmatch(text)
		return must(base64.StdEncoding.DecodeString(match[1]))
	}
	copy(found.secretbox[:], read("secretboxencryptionsecret"))
	found.cbc = read("aescbcencryptionsecret")
	return found
}

func (k keys) open(key string, value []byte) []byte {
	if rest, ok := bytes.CutPrefix(value, []byte("k8s:enc:secretbox:v1:key2:")); ok {
		plain, opened := secretbox.Open(nil, rest[24:], (*[24]byte)(rest[:24]), &k.secretbox)
		if !opened {
			log.Fatalf("%s does not open", key)
		}
		return plain
	}
	if rest, ok := bytes.CutPrefix(value, []byte("k8s:enc:aescbc:v1:key1:")); ok {
		plain := make([]byte, len(rest)-16)
		cipher.NewCBCDecrypter(must(aes.NewCipher(k.cbc)), rest[:16]).CryptBlocks(plain, rest[16:])
		return plain[:len(plain)-int(plain[len(plain)-1])]
	}
	return value
}

func main() {
	path := unpack(os.Args[1])
	defer os.Remove(path)
	found := live(path)
	k := bundle(os.Args[2])
	var names []string
	for key := range found {
		names = append(names, key)
	}
	sort.Strings(names)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, key := range names {
		value := k.open(key, found[key])
		var object any
		switch {
		case bytes.HasPrefix(value, []byte("k8s\x00")):
			decoded, gvk, err := scheme.Codecs.UniversalDeserializer().Decode(value, nil, nil)
			if err != nil {
				log.Fatalf("%s: %v", key, err)
			}
			decoded.GetObjectKind().SetGroupVersionKind(*gvk)
			object = decoded
		case strings.HasPrefix(key, "/registry/"):
			object = json.RawMessage(bytes.TrimSpace(value))
		default:
			continue
		}
		line := must(json.Marshal(map[string]any{"key": key, "object": object}))
		must(out.Write(append(line, '\n')))
	}
}
