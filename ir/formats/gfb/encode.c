/* The FlatBuffer of a .gfb file, written front to back: the root table first, its vectors after it in the schema's
 * order. FlatBuffers' own builder fills a block from its end, so that all tables would be in memory twice, and wants
 * the operators new and delete: a program in C would need libstdc++ for them. What is written here the generated code
 * verifies when it is read. */
#include "ir/formats/gfb/gfb_impl.h"

#include <stddef.h>

/* What stands before the vectors. Offsets count from where they stand, except those of fields: from `to_vtable`. */
typedef struct head {
  uint32_t size; /* of what follows */
  uint32_t root;
  char identifier[4];
  uint16_t vtable_size, table_size, fields[GR_GFB_FIELDS];
  int32_t to_vtable;
  uint32_t version;
  uint64_t data_length;
  uint32_t vectors[GR_GFB_VECTOR_COUNT];
} head;

_Static_assert(sizeof(head) % 8 == 0 && offsetof(head, data_length) % 8 == 0, "aligned in the file as in memory");

#define IN_TABLE(member) (offsetof(head, member) - offsetof(head, to_vtable))

/* Where a vector's length goes that follows `end`: its items are aligned for 64 bits. */
static uint64_t vector_at(uint64_t end) { return (end + 4 + 7) / 8 * 8 - 4; }

/* An empty vector is left out. Gives the new end. */
static uint64_t place(head *h, uint32_t i, uint64_t end, uint32_t count, size_t item_size) {
  if (count == 0) return end;
  const size_t field = offsetof(head, vectors) + i * sizeof h->vectors[0];
  const uint64_t at = vector_at(end);
  h->fields[2 + i] = (uint16_t)(field - offsetof(head, to_vtable));
  h->vectors[i] = (uint32_t)(at - field);
  return at + 4 + (uint64_t)count * item_size;
}

static uint64_t lay_out(head *h, const gr_gfb_tables *t) {
  *h = (head){.root = offsetof(head, to_vtable) - offsetof(head, root),
              .identifier = {'G', 'R', 'F', 'T'},
              .vtable_size = offsetof(head, to_vtable) - offsetof(head, vtable_size),
              .table_size = sizeof *h - offsetof(head, to_vtable),
              .fields = {IN_TABLE(version), IN_TABLE(data_length)},
              .to_vtable = offsetof(head, to_vtable) - offsetof(head, vtable_size),
              .version = t->version,
              .data_length = t->data_length};
  uint64_t end = sizeof *h;
  uint32_t i = 0;
#define SCALARS(name, type) end = place(h, i++, end, t->name.count, sizeof(type));
#define STRUCTS(name, type, schema) SCALARS(name, type)
  GR_GFB_VECTORS(SCALARS, STRUCTS)
#undef SCALARS
#undef STRUCTS
  h->size = (uint32_t)(end - sizeof h->size);
  return end;
}

uint64_t gr_gfb_encoded_size(const gr_gfb_tables *tables) {
  head h;
  return lay_out(&h, tables);
}

void gr_gfb_encode(const gr_gfb_tables *tables, gr_gfb_write write, void *user) {
  static const char zeros[8];
  head h;
  lay_out(&h, tables);
  write(user, &h, sizeof h);
  uint64_t end = sizeof h;
#define SCALARS(name, type) \
  if (tables->name.count) { \
    write(user, zeros, (size_t)(vector_at(end) - end)); \
    write(user, &tables->name.count, 4); \
    write(user, tables->name.data, tables->name.count * sizeof(type)); \
    end = vector_at(end) + 4 + (uint64_t)tables->name.count * sizeof(type); \
  }
#define STRUCTS(name, type, schema) SCALARS(name, type)
  GR_GFB_VECTORS(SCALARS, STRUCTS)
#undef SCALARS
#undef STRUCTS
}
