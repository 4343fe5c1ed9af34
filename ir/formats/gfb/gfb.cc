/* The one place that touches FlatBuffers, since Debian has no C runtime for it. It only turns a buffer into borrowed
 * arrays; what they mean is load.c's business, and encode.c writes them. Nothing of libstdc++ is used, so that neither
 * the library nor a program in C that links it needs that. */
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

static_assert(fb::Module::VT_VERSION == 4 && fb::Module::VT_DATA_LENGTH == 6 && fb::Module::VT_STRING_LENGTHS == 8 &&
                  fb::Module::VT_MARKS == 4 + 2 * (GR_GFB_FIELDS - 1),
              "GR_GFB_VECTORS lists the schema's fields in order: encode.c numbers them so");
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
