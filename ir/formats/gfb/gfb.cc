/* The one place that touches FlatBuffers, since Debian has no C runtime for it. It only turns a buffer into borrowed
 * arrays and arrays into a buffer; what the arrays mean is load.c's and save.c's business. */
#define FLATBUFFERS_ASSERT(condition) \
  static_cast<void>(condition) /* a library does not abort; limits are checked here */
#include "ir/formats/gfb/graft_generated.h"

#include "ir/formats/gfb/gfb_impl.h"

namespace fb = graft::gfb;

#define SCALARS(name, type)
#define STRUCTS(name, type, schema) \
  static_assert(sizeof(type) == sizeof(fb::schema) && alignof(type) == alignof(fb::schema), #type);
GR_GFB_VECTORS(SCALARS, STRUCTS)
#undef SCALARS
#undef STRUCTS

static_assert(FLATBUFFERS_LITTLEENDIAN, "the structs are used as they lie in the file");
static_assert(uint32_t(fb::Dtype_MAX) + 1 == GRAFT_DTYPE_COUNT && uint32_t(fb::Dtype_F32) == GRAFT_F32 &&
                  uint32_t(fb::Dtype_I64) == GRAFT_I64 && uint32_t(fb::AttrKind_MAX) == GRAFT_ATTR_GRAPH &&
                  uint32_t(fb::AttrKind_Ints) == GRAFT_ATTR_INTS && uint32_t(fb::TensorKind_MAX) == GRAFT_CONSTANT,
              "numbers in files are fixed: map them here when an enum of ir.h changes");

namespace {

/* The verifier looks at the alignment of a vector's length, not of its items. */
template <typename T, typename Item>
bool borrow(const flatbuffers::Vector<T> *vector, const Item *&data, uint32_t &count) {
  data = nullptr;
  count = 0;
  if (!vector || vector->size() == 0) return true;
  if (reinterpret_cast<uintptr_t>(vector->Data()) % alignof(Item) != 0) return false;
  data = reinterpret_cast<const Item *>(vector->Data());
  count = vector->size();
  return true;
}

/* Hands out one block, made beforehand and large enough: FlatBufferBuilder knows no failure. */
class OneBlock : public flatbuffers::Allocator {
public:
  OneBlock(uint8_t *block, size_t size) : block_(block), size_(size) {}
  uint8_t *allocate(size_t size) override { return size <= size_ ? block_ : nullptr; }
  void deallocate(uint8_t *, size_t) override {}

private:
  uint8_t *block_;
  size_t size_;
};

} // namespace

const char *gr_gfb_decode(const void *file, size_t size, gr_gfb_tables *tables, size_t *end) {
  const uint8_t *bytes = static_cast<const uint8_t *>(file);
  if (size < 12) return "the file is cut short";
  if (reinterpret_cast<uintptr_t>(bytes) % 8 != 0) return "the bytes are not aligned in memory";
  size_t length = size_t(flatbuffers::ReadScalar<uint32_t>(bytes)) + 4;
  if (length > size) return "the file is cut short";
  if (length >= FLATBUFFERS_MAX_BUFFER_SIZE) return "the tables exceed 2 GiB";
  flatbuffers::Verifier verifier(bytes, length);
  if (!fb::VerifySizePrefixedModuleBuffer(verifier)) return "no valid FlatBuffer of a graft module";
  const fb::Module *root = fb::GetSizePrefixedModule(bytes);
  tables->version = root->version();
  tables->data_length = root->data_length();
  bool aligned = true;
#define SCALARS(name, type) aligned = borrow(root->name(), tables->name.data, tables->name.count) && aligned;
#define STRUCTS(name, type, schema) SCALARS(name, type)
  GR_GFB_VECTORS(SCALARS, STRUCTS)
#undef SCALARS
#undef STRUCTS
  *end = length;
  return aligned ? nullptr : "a table is not aligned";
}

/* A bound: each vector with its length and padding, room for the root table and for the allocator's rounding. */
uint64_t gr_gfb_block_size(const gr_gfb_tables *t) {
  uint64_t size = 4096;
#define SCALARS(name, type) size += uint64_t(t->name.count) * sizeof(type) + 32;
#define STRUCTS(name, type, schema) SCALARS(name, type)
  GR_GFB_VECTORS(SCALARS, STRUCTS)
#undef SCALARS
#undef STRUCTS
  return size;
}

void gr_gfb_encode(const gr_gfb_tables *t, void *block, size_t block_size,
                   void (*write)(void *user, const void *bytes, size_t size), void *user) {
  OneBlock allocator(static_cast<uint8_t *>(block), block_size);
  flatbuffers::FlatBufferBuilder builder(block_size - 64, &allocator);
#define SCALARS(name, type) \
  flatbuffers::Offset<flatbuffers::Vector<type>> name = 0; \
  if (t->name.count) name = builder.CreateVector(t->name.data, t->name.count);
#define STRUCTS(name, type, schema) \
  flatbuffers::Offset<flatbuffers::Vector<const fb::schema *>> name = 0; \
  if (t->name.count) \
    name = builder.CreateVectorOfStructs(reinterpret_cast<const fb::schema *>(t->name.data), t->name.count);
  GR_GFB_VECTORS(SCALARS, STRUCTS)
#undef SCALARS
#undef STRUCTS
  fb::ModuleBuilder module(builder);
  module.add_data_length(t->data_length);
#define SCALARS(name, type) module.add_##name(name);
#define STRUCTS(name, type, schema) SCALARS(name, type)
  GR_GFB_VECTORS(SCALARS, STRUCTS)
#undef SCALARS
#undef STRUCTS
  module.add_version(t->version);
  fb::FinishSizePrefixedModuleBuffer(builder, module.Finish());
  write(user, builder.GetBufferPointer(), builder.GetSize());
}
