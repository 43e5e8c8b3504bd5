// For tests of what is read from an object: what a table of Protobuf fields leaves of it.
#pragma once

#include "common/kube/protobuf.h"
#include "common/kube/resource.h"

namespace sluice::op {

/// `object` as it would come in Protobuf, by `message`; without what only JSON has.
inline kube::Json slimmed(const kube::Json& object, const kube::ProtobufMessage& message) {
  using Kind = kube::ProtobufField::Kind;
  kube::Json out = kube::Json::object();
  for (const kube::ProtobufField& field : message.fields) {
    const auto found = object.find(field.name);
    if (found == object.end()) continue;
    if (field.kind == Kind::kMessage) {
      out[field.name] = slimmed(*found, *field.message);
    } else if (field.kind == Kind::kMessages) {
      for (const kube::Json& item : *found) out[field.name].push_back(slimmed(item, *field.message));
    } else {
      out[field.name] = *found;
    }
  }
  return out;
}

}  // namespace sluice::op
