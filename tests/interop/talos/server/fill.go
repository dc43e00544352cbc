package main

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Messages that hold themselves end here.
const deepest = 8

// Numbers of fields that no Talos has yet: one of each wire type.
const (
	futureNumber protowire.Number = 1900 + iota
	futureText
	futureFixed32
	futureFixed64
)

// full sets every field of a message, and of those in it, to something that is not its default,
// and adds fields that nobody knows.
func full[M proto.Message](message M) M {
	fill(message.ProtoReflect(), 0)

	return message
}

func fill(message protoreflect.Message, depth int) {
	fields := message.Descriptor().Fields()

	for i := range fields.Len() {
		field := fields.Get(i)

		switch {
		case field.IsMap():
			entries := message.Mutable(field).Map()
			value := entries.NewValue()

			if field.MapValue().Message() == nil {
				value = scalar(field.MapValue())
			} else if depth < deepest {
				fill(value.Message(), depth+1)
			}

			entries.Set(scalar(field.MapKey()).MapKey(), value)
		case field.IsList():
			list := message.Mutable(field).List()

			for range 2 {
				if field.Message() == nil {
					list.Append(scalar(field))
				} else if depth < deepest {
					fill(list.AppendMutable().Message(), depth+1)
				}
			}
		case field.Message() != nil:
			if depth < deepest {
				fill(message.Mutable(field).Message(), depth+1)
			}
		default:
			message.Set(field, scalar(field))
		}
	}

	message.SetUnknown(future())
}

func scalar(field protoreflect.FieldDescriptor) protoreflect.Value {
	number := 1000 + int64(field.Number())

	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		values := field.Enum().Values()

		return protoreflect.ValueOfEnum(values.Get(values.Len() - 1).Number())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(number))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(number)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(number))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(uint64(number))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(number))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(number))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(field.Name()))
	default:
		return protoreflect.ValueOfString(string(field.Name()))
	}
}

func future() []byte {
	raw := protowire.AppendVarint(protowire.AppendTag(nil, futureNumber, protowire.VarintType), 7)
	raw = protowire.AppendString(protowire.AppendTag(raw, futureText, protowire.BytesType), "of tomorrow")
	raw = protowire.AppendFixed32(protowire.AppendTag(raw, futureFixed32, protowire.Fixed32Type), 7)

	return protowire.AppendFixed64(protowire.AppendTag(raw, futureFixed64, protowire.Fixed64Type), 7)
}

// appended puts a field 1 with these metadata behind all other bytes of a message, as apid does
// with the answers of several nodes.
func appended[M proto.Message](message M, metadata proto.Message) (M, error) {
	raw, err := proto.Marshal(metadata)
	if err != nil {
		return message, err
	}

	reflected := message.ProtoReflect()
	label := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), raw)
	reflected.SetUnknown(append(reflected.GetUnknown(), label...))

	return message, nil
}

// overridden gives the fields that are named their values, also where those are defaults.
func overridden[M proto.Message](message M, fields map[string]json.RawMessage) (M, error) {
	target := message.ProtoReflect()

	for name, value := range fields {
		field := target.Descriptor().Fields().ByJSONName(name)
		if field == nil {
			return message, fmt.Errorf("%s has no field %q", target.Descriptor().FullName(), name)
		}

		one, err := json.Marshal(map[string]json.RawMessage{name: value})
		if err != nil {
			return message, err
		}

		given := target.New()
		if err := protojson.Unmarshal(one, given.Interface()); err != nil {
			return message, err
		}

		target.Clear(field)

		if given.Has(field) {
			target.Set(field, given.Get(field))
		}
	}

	return message, nil
}
