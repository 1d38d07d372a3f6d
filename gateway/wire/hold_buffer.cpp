#include "hold_buffer.hpp"

namespace outcry::wire {

namespace {
constexpr size_t loose_blob_bytes = 64 << 10;
}

void HoldBuffer::add(Segment segment) {
  if (segment.length == 0) return;
  bytes_ += segment.length;
  if (!segments_.empty()) {
    Segment& last = segments_.back();
    if (last.blob == segment.blob && last.offset + last.length == segment.offset && last.serial == segment.serial &&
        last.epoch == segment.epoch && last.last_num + 1 == segment.first_num) {
      last.length += segment.length;
      last.last_num = segment.last_num;
      return;
    }
  }
  segments_.push_back(std::move(segment));
}

void HoldBuffer::add_loose(std::string_view bytes, int epoch, uint64_t first_num, uint64_t last_num, uint64_t serial) {
  if (!segments_.empty()) {
    Segment& last = segments_.back();
    const bool own = last.blob.use_count() == 1 && last.offset + last.length == last.blob->size();
    if (own && last.serial == serial && last.epoch == epoch && last.last_num + 1 == first_num &&
        last.blob->size() + bytes.size() <= loose_blob_bytes) {
      last.blob->append(bytes);
      last.length += bytes.size();
      last.last_num = last_num;
      bytes_ += bytes.size();
      return;
    }
  }
  auto blob = std::make_shared<std::string>(bytes);
  add({serial, std::move(blob), 0, bytes.size(), epoch, first_num, last_num});
}

size_t HoldBuffer::released_bytes(uint64_t released) const {
  size_t total = 0;
  for (const Segment& segment : segments_) {
    if (segment.serial > released) break;
    total += segment.length;
  }
  return total;
}

int HoldBuffer::gather(uint64_t released, iovec* vectors, int count) const {
  int filled = 0;
  for (const Segment& segment : segments_) {
    if (filled == count || segment.serial > released) break;
    vectors[filled].iov_base = segment.blob->data() + segment.offset;
    vectors[filled].iov_len = segment.length;
    ++filled;
  }
  return filled;
}

const HoldBuffer::Segment* HoldBuffer::drop_unsent() {
  if (!started_) {
    clear();
    return nullptr;
  }
  while (segments_.size() > 1) segments_.pop_back();
  bytes_ = segments_.front().length;
  return &segments_.front();
}

void HoldBuffer::clear() {
  segments_.clear();
  bytes_ = 0;
  started_ = false;
}

}  // namespace outcry::wire
