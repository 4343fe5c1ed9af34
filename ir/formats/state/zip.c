#include "ir/formats/state/zip_impl.h"
#include "ir/ir_int.h"

#include <stdlib.h>

#define END_SIZE 22u /* of the records, without what varies */
#define LOCATOR_SIZE 20u
#define END64_SIZE 56u
#define CENTRAL_SIZE 46u
#define LOCAL_SIZE 30u
#define MAX_COMMENT 0xFFFFu
#define ENCRYPTED 1u
#define SIZES_FOLLOW 8u /* the header before the data does not know its size */

/* Little-endian, of a place that is known to be in the file. */
static uint64_t number(const gr_zip *z, uint64_t at, unsigned width) {
  uint64_t value = 0;
  for (unsigned i = 0; i < width; i++) value |= (uint64_t)z->bytes[at + i] << (8 * i);
  return value;
}
static bool begins(const gr_zip *z, uint64_t at, const char *signature) {
  return memcmp(z->bytes + at, signature, 4) == 0;
}

static graft_status bad(const gr_zip *z, const char *what) {
  return gr_error(z->context, GRAFT_FORMAT, (gr_loc){.file = z->path}, "the archive is damaged: %s", what);
}
static graft_status bad_entry(const gr_zip *z, gr_text name, graft_status code, const char *what) {
  const int length = (int)(name.length < 100 ? name.length : 100);
  return gr_error(z->context, code, (gr_loc){.file = z->path}, "entry '%.*s' of the archive %s", length, name.bytes,
                  what);
}

bool gr_zip_tells(const gr_buffer *file) { return file->size >= 4 && memcmp(file->data, "PK\3\4", 4) == 0; }

/* ---- the directory's place ---- */

typedef struct directory {
  uint64_t at, size, entries;
} directory;

/* The last record, whose comment ends with the file; UINT64_MAX: there is none. */
static uint64_t find_end(const gr_zip *z) {
  for (uint64_t comment = 0; comment <= MAX_COMMENT && comment + END_SIZE <= z->size; comment++) {
    const uint64_t at = z->size - END_SIZE - comment;
    if (begins(z, at, "PK\5\6") && number(z, at + 20, 2) == comment) return at;
  }
  return UINT64_MAX;
}

/* The record of large archives stands before the last one, with a record between that says where. */
static graft_status find_directory64(const gr_zip *z, uint64_t end, directory *d, uint64_t *limit) {
  if (end < LOCATOR_SIZE || !begins(z, end - LOCATOR_SIZE, "PK\6\7")) return GRAFT_OK;
  const uint64_t at = number(z, end - LOCATOR_SIZE + 8, 8), before = end - LOCATOR_SIZE;
  if (before < END64_SIZE || at > before - END64_SIZE || !begins(z, at, "PK\6\6"))
    return bad(z, "the record of its size is not where it should be");
  if (number(z, at + 16, 4) || number(z, at + 20, 4)) return bad(z, "it has several parts");
  *d = (directory){.entries = number(z, at + 32, 8), .size = number(z, at + 40, 8), .at = number(z, at + 48, 8)};
  *limit = at;
  return GRAFT_OK;
}

static graft_status find_directory(const gr_zip *z, directory *d) {
  const uint64_t end = find_end(z);
  uint64_t limit = end;
  if (end == UINT64_MAX) return bad(z, "it has no directory, as one that is cut short");
  *d = (directory){.entries = number(z, end + 10, 2), .size = number(z, end + 12, 4), .at = number(z, end + 16, 4)};
  if (number(z, end + 4, 2) != number(z, end + 6, 2)) return bad(z, "it has several parts");
  const graft_status status = find_directory64(z, end, d, &limit);
  if (status) return status;
  return d->size > limit || d->at > limit - d->size ? bad(z, "its directory is not within it") : GRAFT_OK;
}

/* ---- entries ---- */

typedef struct record {
  gr_text name;
  uint64_t size, stored, local; /* bytes as they were, and in the file; where the entry begins */
  bool packed;
} record;

/* Numbers of 32 bits that were too small for theirs stand in a field of their own, those alone and in this order. */
static graft_status read_large(const gr_zip *z, record *r, uint64_t at, uint64_t length) {
  uint64_t *const numbers[] = {&r->size, &r->stored, &r->local};
  while (length >= 4) {
    const uint64_t id = number(z, at, 2), size = number(z, at + 2, 2);
    if (size > length - 4) break;
    uint64_t next = at + 4;
    for (size_t i = 0; id == 1 && i < 3; i++) {
      if (*numbers[i] != UINT32_MAX) continue;
      if (next + 8 > at + 4 + size) return bad_entry(z, r->name, GRAFT_FORMAT, "lacks its size");
      *numbers[i] = number(z, next, 8);
      next += 8;
    }
    at += 4 + size;
    length -= 4 + size;
  }
  return GRAFT_OK;
}

/* The header before the data says the same once more; `limit`: where the directory begins. */
static graft_status read_local(const gr_zip *z, const record *r, uint64_t limit, gr_zip_entry *e) {
  if (r->local > limit || limit - r->local < LOCAL_SIZE || !begins(z, r->local, "PK\3\4"))
    return bad_entry(z, r->name, GRAFT_FORMAT, "is not where the directory says");
  const uint64_t name = number(z, r->local + 26, 2), extra = number(z, r->local + 28, 2);
  const uint64_t room = limit - r->local - LOCAL_SIZE, at = r->local + LOCAL_SIZE;
  if (name + extra > room || r->stored > room - name - extra)
    return bad_entry(z, r->name, GRAFT_FORMAT, "is larger than the archive");
  if (name != r->name.length || memcmp(z->bytes + at, r->name.bytes, name) != 0)
    return bad_entry(z, r->name, GRAFT_FORMAT, "has another name before its data");
  const uint64_t flags = number(z, r->local + 6, 2), size = number(z, r->local + 18, 4);
  if ((number(z, r->local + 8, 2) != 0) != r->packed ||
      (!(flags & SIZES_FOLLOW) && size != UINT32_MAX && size != r->stored))
    return bad_entry(z, r->name, GRAFT_FORMAT, "has another size before its data");
  *e = (gr_zip_entry){
      .begin = r->local, .data = at + name + extra, .end = at + name + extra + r->stored, .packed = r->packed};
  return GRAFT_OK;
}

/* Of the directory; moves `at` behind it. */
static graft_status read_record(gr_zip *z, const directory *d, uint64_t *at) {
  const uint64_t end = d->at + d->size;
  if (end - *at < CENTRAL_SIZE || !begins(z, *at, "PK\1\2")) return bad(z, "its directory has fewer entries");
  const uint64_t name = number(z, *at + 28, 2), extra = number(z, *at + 30, 2), comment = number(z, *at + 32, 2);
  if (name + extra + comment > end - *at - CENTRAL_SIZE) return bad(z, "its directory is cut short");
  record r = {.name = {(const char *)z->bytes + *at + CENTRAL_SIZE, (size_t)name},
              .stored = number(z, *at + 20, 4),
              .size = number(z, *at + 24, 4),
              .local = number(z, *at + 42, 4)};
  if (number(z, *at + 8, 2) & ENCRYPTED) return bad_entry(z, r.name, GRAFT_UNSUPPORTED, "is encrypted");
  graft_status status = read_large(z, &r, *at + CENTRAL_SIZE + name, extra);
  if (status) return status;
  r.packed = number(z, *at + 10, 2) != 0;
  if (!r.packed && r.stored != r.size) return bad_entry(z, r.name, GRAFT_FORMAT, "has two sizes");
  if (gr_texts_find(&z->names, r.name) != GRAFT_NONE) return bad_entry(z, r.name, GRAFT_FORMAT, "is there twice");
  gr_zip_entry e;
  status = read_local(z, &r, d->at, &e);
  if (status) return status;
  *at += CENTRAL_SIZE + name + extra + comment;
  return gr_texts_add(z->context, &z->names, r.name) && gr_vec_push(z->context, &z->entries, e) ? GRAFT_OK
                                                                                                : GRAFT_NO_MEMORY;
}

static int by_place(const void *a, const void *b) {
  const gr_zip_entry *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return x->end < y->end ? -1 : x->end > y->end;
}

static graft_status check_apart(const gr_zip *z) {
  const uint32_t count = z->entries.len;
  const size_t size = (size_t)count * sizeof(gr_zip_entry);
  gr_zip_entry *sorted = gr_alloc(z->context, size + 1);
  if (!sorted) return GRAFT_NO_MEMORY;
  if (count) memcpy(sorted, z->entries.data, size);
  qsort(sorted, count, sizeof *sorted, by_place);
  graft_status status = GRAFT_OK;
  for (uint32_t i = 1; !status && i < count; i++)
    if (sorted[i].begin < sorted[i - 1].end) status = bad(z, "two of its entries overlap");
  gr_free(z->context, sorted, size + 1);
  return status;
}

graft_status gr_zip_read(gr_zip *z, graft_context *c, const gr_buffer *file, const char *path) {
  *z = (gr_zip){.context = c, .path = path, .bytes = file->data, .size = file->size};
  directory d = {0};
  graft_status status = find_directory(z, &d);
  if (status) return status;
  uint64_t at = d.at;
  for (uint64_t i = 0; !status && i < d.entries; i++) status = read_record(z, &d, &at);
  if (!status && at != d.at + d.size) status = bad(z, "its directory has more entries");
  return status ? status : check_apart(z);
}

void gr_zip_free(gr_zip *z) {
  gr_texts_free(z->context, &z->names);
  gr_vec_free(z->context, &z->entries);
}

gr_text gr_zip_find(const gr_zip *z, gr_text name) {
  const uint32_t at = gr_texts_find(&z->names, name);
  if (at == GRAFT_NONE) return (gr_text){0};
  const gr_zip_entry *e = &z->entries.data[at];
  if (e->packed) {
    bad_entry(z, name, GRAFT_UNSUPPORTED, "is compressed, which PyTorch's are not");
    return (gr_text){0};
  }
  return (gr_text){(const char *)z->bytes + e->data, (size_t)(e->end - e->data)};
}
