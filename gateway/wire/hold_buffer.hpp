// What one connection still has to send, in the order of its numbers, each piece held until the journal has it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <sys/uio.h>

namespace outcry::wire {

using Blob = std::shared_ptr<std::string>;

/// Owner: the connection's IO thread. A buffer ends with its connection and never passes to the next one.
class HoldBuffer {
 public:
  struct Segment {
    uint64_t serial;      // leaves when this serial of the IO thread is released; 0: behind what is before it
    Blob blob;
    size_t offset, length;
    int epoch;
    uint64_t first_num, last_num;  // the numbers inside, without a gap; of retransmissions too
  };

  void add(Segment segment);
  /// Bytes that no outbound item holds, copied: retransmissions (serial 0) and market data (that of its reserve).
  void add_loose(std::string_view bytes, int epoch, uint64_t first_num, uint64_t last_num, uint64_t serial);

  bool empty() const { return segments_.empty(); }
  size_t bytes() const { return bytes_; }
  /// Bytes that may leave now. Cost: one step per segment.
  size_t released_bytes(uint64_t released) const;
  bool sendable(uint64_t released) const { return !segments_.empty() && segments_.front().serial <= released; }
  /// Fills up to `count` vectors with what may leave and returns how many.
  int gather(uint64_t released, iovec* vectors, int count) const;
  /// Marks `length` bytes as written; `written(epoch, first_num, last_num)` is called for every segment that
  /// is out as a whole.
  template <class Written>
  void consume(size_t length, Written&& written) {
    bytes_ -= length;
    while (length > 0) {
      Segment& head = segments_.front();
      if (length < head.length) {
        head.offset += length;
        head.length -= length;
        started_ = true;
        return;
      }
      length -= head.length;
      written(head.epoch, head.first_num, head.last_num);
      segments_.pop_front();
      started_ = false;
    }
  }
  /// Numbers began anew: drops what no byte has left of. Returns the piece that was begun (it goes on, so that the
  /// stream stays whole), or nullptr.
  const Segment* drop_unsent();
  void clear();

 private:
  std::deque<Segment> segments_;
  size_t bytes_ = 0;
  bool started_ = false;  // bytes of the first segment have left
};

}  // namespace outcry::wire
