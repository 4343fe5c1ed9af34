/* Tensors: shared copy-on-write buffers, tensors made by formula, constants merged by content. */
#include "ir/graph/budget_int.h"
#include "ir/graph/graph_impl.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#define WORD(word) word
const char *const gr_tensor_kinds[GR_TENSOR_KIND_COUNT] = {GR_TENSOR_KINDS(WORD)};
#undef WORD

/* Small data lie behind the struct, in one allocation. Others begin on a cache line: where they do not, the kernel's
 * copies (`rep movsb`) take eight times as long on some processors, so that reading a file would. */
#define SMALL 1024u
#define DATA_OFFSET ((sizeof(gr_buffer) + 15) / 16 * 16)
#define LINE 64u

gr_buffer *gr_buffer_alloc(graft_context *c, size_t size) {
  if (size > PTRDIFF_MAX) return gr_no_memory(c), NULL;
  gr_buffer *b = gr_alloc(c, size <= SMALL ? DATA_OFFSET + size : sizeof *b);
  if (!b) return NULL;
  *b = (gr_buffer){.size = size, .refs = 1, .one_block = size <= SMALL};
  if (b->one_block) {
    b->data = (char *)b + DATA_OFFSET;
    return b;
  }
  char *base = gr_alloc(c, size + LINE - 1);
  if (!base) {
    gr_free(c, b, sizeof *b);
    return NULL;
  }
  b->lead = (uint8_t)(-(uintptr_t)base % LINE);
  b->data = base + b->lead;
  return b;
}

gr_buffer *gr_buffer_create(graft_context *c, size_t size) {
  gr_buffer *b = gr_buffer_alloc(c, size);
  if (b) memset(b->data, 0, size);
  return b;
}

gr_buffer *gr_buffer_retain(gr_buffer *b) {
  if (b) b->refs++;
  return b;
}

void gr_buffer_release(graft_context *c, gr_buffer *b) {
  if (!b || --b->refs) return;
  if (b->release)
    b->release(b);
  else if (!b->one_block)
    gr_free(c, (char *)b->data - b->lead, b->size + LINE - 1);
  gr_free(c, b, b->one_block ? DATA_OFFSET + b->size : sizeof *b + b->behind);
}

size_t gr_tensor_bytes(const graft_module *m, graft_tensor t) {
  const graft_type *type = gr_tensor_type(m, t);
  return (size_t)graft_type_elements(type) * graft_dtype_size(type->dtype);
}

static bool known_size(const graft_type *t) {
  int64_t n = graft_type_elements(t);
  return n >= 0 && t->dtype != GRAFT_UNKNOWN && (uint64_t)n <= PTRDIFF_MAX / 8;
}

static uint64_t name_key(gr_name name) { return (uint64_t)name.base << 32 | name.number; }

static bool name_known(graft_module *m, gr_name name, graft_tensor t) {
  return !m->tensor_names_built || gr_undo_put(m, NULL, GR_NAMES_TENSORS, name_key(name), t);
}

static graft_tensor add_record(graft_module *m, gr_tensor t) {
  graft_context *c = m->context;
  const uint32_t id = m->tensors.len;
  if (id >= 0x3FFFFFFFu) gr_no_memory(c);
  if (id < 0x3FFFFFFFu && gr_vec_reserve(c, &m->tensors, 1u) && name_known(m, t.name, id) && gr_undo_room(m, 2)) {
    gr_undo_tensor_added(m);
    gr_tensor_renew(m, &t);
    m->tensors.data[m->tensors.len++] = t;
    gr_name_taken(m, t.name);
    return id;
  }
  gr_buffer_release(c, t.buffer);
  return GRAFT_NONE;
}

graft_tensor gr_tensor_add(graft_module *m, gr_name name, graft_tensor_kind kind, uint32_t type, gr_buffer *buffer,
                           uint64_t offset) {
  gr_tensor t = {.name = name, .type = type, .kind = (uint8_t)kind, .buffer = buffer, .offset = offset};
  t.source = buffer ? GR_TENSOR_DATA : GR_TENSOR_ELIDED;
  return add_record(m, t);
}

graft_tensor gr_find_tensor(graft_module *m, gr_name name) {
  if (!m->tensor_names_built) {
    if (!gr_undo_room_for_names(m) || !gr_map_reserve(m->context, &m->tensor_names, m->tensors.len)) return GRAFT_NONE;
    gr_undo_built(m, NULL, GR_NAMES_TENSORS);
    for (graft_tensor t = 0; t < m->tensors.len; t++)
      if (!m->tensors.data[t].erased && !gr_map_put(m->context, &m->tensor_names, name_key(m->tensors.data[t].name), t))
        return GRAFT_NONE;
    m->tensor_names_built = true;
  }
  graft_tensor t = gr_map_get(&m->tensor_names, name_key(name)); /* names of tensors that are gone linger in the map */
  return t < m->tensors.len && !m->tensors.data[t].erased && gr_name_equal(m->tensors.data[t].name, name) ? t
                                                                                                          : GRAFT_NONE;
}

graft_status gr_tensor_rename(graft_module *m, graft_tensor tensor, gr_name name) {
  if (!gr_undo_room(m, 1) || !name_known(m, name, tensor) || !gr_undo_room(m, 1)) return GRAFT_NO_MEMORY;
  gr_undo_tensor(m, tensor);
  m->tensors.data[tensor].name = name;
  return GRAFT_OK;
}

/* Name, kind and type of a tensor from outside. */
bool gr_tensor_begin(graft_module *m, const char *name, graft_tensor_kind kind, const graft_type *type, gr_name *given,
                     gr_name *unique, uint32_t *id) {
  gr_loc where = gr_module_loc(m);
  where.node = name;
  if (!name || !name[0] || (unsigned)kind > GRAFT_CONSTANT) {
    gr_error(m->context, GRAFT_INVALID_ARGUMENT, where, "a tensor needs a name and a kind");
    return false;
  }
  if (!gr_type_given(m->context, type, where)) return false;
  if (!known_size(type)) {
    gr_error(m->context, GRAFT_TYPE, where, "a tensor needs a known shape and dtype");
    return false;
  }
  *given = gr_name_split(m, name, strlen(name));
  if (given->base == GRAFT_NONE) return false;
  *unique = gr_name_unique(m, *given);
  *id = gr_type_intern_at(m, type, (gr_loc){.file = gr_string_text(m, m->file), .node = name});
  return unique->base != GRAFT_NONE && *id != GRAFT_NONE;
}

static graft_tensor create(graft_module *m, const char *name, graft_tensor_kind kind, const graft_type *type,
                           const void *data) {
  gr_name given, unique;
  uint32_t id;
  if (!gr_tensor_begin(m, name, kind, type, &given, &unique, &id)) return GRAFT_NONE;
  size_t size = (size_t)graft_type_elements(type) * graft_dtype_size(type->dtype);
  if (size && !data) {
    gr_error(m->context, GRAFT_INVALID_ARGUMENT, (gr_loc){.node = name}, "a tensor needs data");
    return GRAFT_NONE;
  }
  const gr_loc before = gr_budget_at(m->context, (gr_loc){.module = m, .name = unique});
  gr_buffer *b = gr_buffer_alloc(m->context, size);
  gr_budget_at(m->context, before);
  if (!b) return GRAFT_NONE;
  if (size) memcpy(b->data, data, size);
  return gr_tensor_add(m, unique, kind, id, b, 0);
}

static graft_tensor fill(graft_module *m, const char *name, graft_tensor_kind kind, const graft_type *type, double lo,
                         double hi) {
  gr_name given, unique;
  uint32_t id;
  if (!gr_tensor_begin(m, name, kind, type, &given, &unique, &id)) return GRAFT_NONE;
  if (!gr_is_float(type->dtype)) {
    gr_error(m->context, GRAFT_TYPE, (gr_loc){.node = name}, "only tensors of floats can be filled");
    return GRAFT_NONE;
  }
  gr_tensor t = {.name = unique, .type = id, .kind = (uint8_t)kind, .source = GR_TENSOR_FILL};
  t.lo = lo;
  t.hi = hi;
  t.fill = given;
  return add_record(m, t);
}

graft_tensor graft_tensor_create(graft_module *m, const char *name, graft_tensor_kind kind, const graft_type *type,
                                 const void *data) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_NONE;
  gr_edit edit = gr_edit_begin(m);
  const int64_t elements = type && data ? graft_type_elements(type) : 0;
  if (elements >= 0 && elements <= PTRDIFF_MAX / 16) gr_given_to(m, 256 + 8 * (uint64_t)elements);
  graft_tensor t = create(m, name, kind, type, data);
  return gr_edit_end(m, edit, t == GRAFT_NONE ? GRAFT_TYPE : GRAFT_OK) ? GRAFT_NONE : t;
}

graft_tensor graft_tensor_fill(graft_module *m, const char *name, graft_tensor_kind kind, const graft_type *type,
                               double lo, double hi) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_NONE;
  gr_edit edit = gr_edit_begin(m);
  graft_tensor t = fill(m, name, kind, type, lo, hi);
  return gr_edit_end(m, edit, t == GRAFT_NONE ? GRAFT_TYPE : GRAFT_OK) ? GRAFT_NONE : t;
}

uint32_t graft_tensor_count(const graft_module *m) {
  uint32_t count = 0;
  if (!GR_IS(m, MODULE)) return 0;
  for (graft_tensor t = 0; t < m->tensors.len; t++) count += !m->tensors.data[t].erased;
  return count;
}

graft_tensor graft_tensor_find(graft_module *m, const char *name) {
  if (!GR_IS(m, MODULE)) return GRAFT_NONE;
  gr_name n = gr_name_find(m, name ? name : "");
  return n.base == GRAFT_NONE || n.base == 0 ? GRAFT_NONE : gr_find_tensor(m, n);
}

size_t graft_tensor_name(const graft_module *m, graft_tensor t, char *buffer, size_t size) {
  if (GR_IS(m, MODULE) && gr_is_tensor(m, t)) return gr_name_format(m, m->tensors.data[t].name, buffer, size);
  if (size) buffer[0] = '\0';
  return 0;
}

graft_tensor_kind graft_tensor_get_kind(const graft_module *m, graft_tensor t) {
  if (!GR_IS(m, MODULE)) return GRAFT_CONSTANT;
  return gr_is_tensor(m, t) ? (graft_tensor_kind)m->tensors.data[t].kind : GRAFT_CONSTANT;
}

graft_type graft_tensor_get_type(const graft_module *m, graft_tensor t) {
  if (!GR_IS(m, MODULE)) return (graft_type){.rank = -1};
  return gr_is_tensor(m, t) ? *gr_tensor_type(m, t) : (graft_type){.rank = -1};
}

#define FNV_BASIS 0xcbf29ce484222325u

/* ir/formats/text/GIR.md: value(i) = lo + (hi-lo) u, u = (splitmix64(fnv1a64(FNV_BASIS, name) + i) >> 11) 2^-53. */
static uint64_t fnv1a64(uint64_t h, const char *name) {
  for (; *name; name++) h = (h ^ (unsigned char)*name) * 0x100000001b3u;
  return h;
}

static double fill_value(uint64_t seed, uint64_t index, double lo, double hi) {
  uint64_t z = seed + index + 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return lo + (hi - lo) * ((double)(z >> 11) * 0x1p-53);
}

float graft_fill_element(const char *name, uint64_t index, double lo, double hi) {
  return (float)fill_value(fnv1a64(FNV_BASIS, name ? name : ""), index, lo, hi);
}

static bool materialize(graft_module *m, gr_tensor *t) {
  const graft_type *type = &m->types.data[t->type];
  size_t n = (size_t)graft_type_elements(type), size = n * graft_dtype_size(type->dtype);
  const gr_loc where = {.file = gr_string_text(m, m->file), .module = m, .name = t->name};
  if (gr_spend(m->context, where, n)) return false;
  const gr_loc before = gr_budget_at(m->context, where);
  gr_buffer *b = gr_buffer_alloc(m->context, size);
  gr_budget_at(m->context, before);
  if (!b) return false;
  uint64_t seed = fnv1a64(FNV_BASIS, gr_string_text(m, t->fill.base));
  if (t->fill.number) {
    char number[16];
    snprintf(number, sizeof number, "_%u", t->fill.number);
    seed = fnv1a64(seed, number);
  }
  if (type->dtype == GRAFT_F32)
    for (size_t i = 0; i < n; i++) ((float *)b->data)[i] = (float)fill_value(seed, i, t->lo, t->hi);
  else
    for (size_t i = 0; i < n; i++)
      gr_element_set_float(type->dtype, (char *)b->data + i * graft_dtype_size(type->dtype),
                           fill_value(seed, i, t->lo, t->hi));
  t->buffer = b;
  return true;
}

const void *graft_tensor_get_data(graft_module *m, graft_tensor tensor) {
  if (!GR_LIVE(m, MODULE)) return NULL;
  if (!gr_is_tensor(m, tensor)) return NULL;
  gr_tensor *t = &m->tensors.data[tensor];
  if (!t->buffer && (t->source != GR_TENSOR_FILL || !materialize(m, t))) return NULL;
  return (const char *)t->buffer->data + gr_tensor_offset(t);
}

void gr_tensor_set_buffer(graft_module *m, graft_tensor tensor, gr_buffer *buffer, uint64_t offset) {
  gr_tensor *t = &m->tensors.data[tensor];
  if (!gr_undo_room(m, 1)) {
    gr_buffer_release(m->context, buffer);
    return;
  }
  gr_undo_tensor(m, tensor);
  gr_buffer_release(m->context, t->buffer);
  gr_tensor_renew(m, t);
  t->buffer = buffer;
  t->offset = offset;
  t->source = GR_TENSOR_DATA;
  t->hash = 0;
}

void *gr_tensor_write(graft_module *m, graft_tensor tensor) {
  const void *data = graft_tensor_get_data(m, tensor);
  if (!data || !gr_undo_room(m, 2)) return NULL;
  gr_tensor *t = &m->tensors.data[tensor];
  gr_undo_tensor(m, tensor); /* which shares the buffer from here on */
  if (t->buffer->refs > 1 || t->buffer->release) {
    size_t size = gr_tensor_bytes(m, tensor);
    gr_buffer *b = gr_buffer_alloc(m->context, size);
    if (!b) return NULL;
    if (size) memcpy(b->data, data, size);
    gr_tensor_set_buffer(m, tensor, b, 0);
  }
  gr_tensor_renew(m, t);
  t->offset = gr_tensor_offset(t);
  t->source = GR_TENSOR_DATA;
  t->hash = 0;
  return (char *)t->buffer->data + t->offset;
}

graft_tensor gr_tensor_copy(graft_module *m, graft_tensor tensor, graft_tensor_kind kind) {
  if (!graft_tensor_get_data(m, tensor)) return GRAFT_NONE;
  const gr_tensor t = m->tensors.data[tensor];
  const gr_name name = gr_name_unique(m, t.name);
  if (name.base == GRAFT_NONE) return GRAFT_NONE;
  return gr_tensor_add(m, name, kind, t.type, gr_buffer_retain(t.buffer), gr_tensor_offset(&t));
}

graft_status graft_tensor_set_data(graft_module *m, graft_tensor tensor, const void *data) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_INVALID_ARGUMENT;
  graft_context *c = m->context;
  if (!gr_is_tensor(m, tensor))
    return gr_error(c, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "no such tensor in the module");
  size_t size = gr_tensor_bytes(m, tensor);
  if (size && !data)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){.module = m, .name = m->tensors.data[tensor].name},
                    "a tensor needs data");
  gr_buffer *b = gr_buffer_alloc(c, size);
  if (!b) return GRAFT_NO_MEMORY;
  if (size) memcpy(b->data, data, size);
  gr_edit edit = gr_edit_begin(m);
  gr_tensor_set_buffer(m, tensor, b, 0);
  return gr_edit_end(m, edit, gr_tensor_check_readers(m, tensor));
}

uint64_t gr_tensor_hash(graft_module *m, graft_tensor tensor) {
  const void *data = graft_tensor_get_data(m, tensor);
  gr_tensor *t = &m->tensors.data[tensor];
  if (!t->hash && data) {
    t->hash = XXH64(data, gr_tensor_bytes(m, tensor), 0);
    if (!t->hash) t->hash = 1;
  }
  return t->hash;
}

bool gr_tensor_is_read(graft_module *m, graft_tensor tensor) { return gr_tensor_is_read_beside(NULL, m, tensor); }

bool gr_tensor_is_read_beside(const graft_graph *own, graft_module *m, graft_tensor tensor) {
  gr_holder_walk w = gr_holders_of(m, tensor);
  for (const graft_graph *g; (g = gr_holders_next(&w));) {
    const graft_value v = g == own ? GRAFT_NONE : gr_handle_of(g, tensor);
    if (v == GRAFT_NONE || gr_unused(g, v)) continue;
    gr_holders_keep(&w);
    return true;
  }
  return false;
}

/* But for its handles; there is room for an entry. */
static void erase_record(graft_module *m, graft_tensor tensor) {
  gr_tensor *t = &m->tensors.data[tensor];
  gr_undo_tensor(m, tensor);
  gr_buffer_release(m->context, t->buffer);
  t->buffer = NULL;
  t->source = GR_TENSOR_ELIDED;
  t->erased = 1;
}

void gr_tensor_erase(graft_module *m, graft_tensor tensor) {
  if (!gr_undo_room(m, 1)) return;
  erase_record(m, tensor);
  gr_holder_walk w = gr_holders_of(m, tensor);
  for (graft_graph *g; (g = gr_holders_next(&w));) { /* handles that nothing uses go with it */
    const graft_value v = gr_handle_of(g, tensor);
    if (v == GRAFT_NONE || !gr_unused(g, v)) continue;
    if (!gr_undo_room(m, 3)) return;
    gr_handle_erase(g, gr_handle_slot(g, tensor));
  }
}

void gr_tensors_erase(graft_module *m, const uint8_t *which) {
  for (graft_tensor t = 0; t < m->tensors.len; t++) {
    if (!which[t]) continue;
    if (!gr_undo_room(m, 1)) return;
    erase_record(m, t);
  }
  for (uint32_t i = 0; i < m->graphs.len; i++) {
    graft_graph *g = m->graphs.data[i];
    for (uint32_t slot = 0; slot < g->handles.len; slot++) {
      const graft_value v = gr_handle_at(g, slot);
      if (v == GRAFT_NONE || !which[gr_value_tensor(g, v)] || !gr_unused(g, v)) continue;
      if (!gr_undo_room(m, 3)) return;
      gr_handle_erase(g, slot);
    }
  }
}

graft_tensor gr_constant(graft_module *m, const char *name, const graft_type *type, const void *data) {
  uint32_t id = gr_type_intern(m, type);
  if (id == GRAFT_NONE) return GRAFT_NONE;
  size_t size = (size_t)graft_type_elements(type) * graft_dtype_size(type->dtype);
  uint64_t key = gr_mix(gr_hash_bytes(data, size) + id);
  for (;; key++) {
    graft_tensor t = gr_map_get(&m->constants, key);
    if (t == GRAFT_NONE) break;
    if (t < m->tensors.len && !m->tensors.data[t].erased && m->tensors.data[t].kind == GRAFT_CONSTANT &&
        m->tensors.data[t].type == id) {
      const void *have = graft_tensor_get_data(m, t);
      if (have && memcmp(have, data, size) == 0) return t;
    }
  }
  graft_tensor t = graft_tensor_create(m, name, GRAFT_CONSTANT, type, data);
  return t != GRAFT_NONE && gr_undo_put(m, NULL, GR_CONSTANTS, key, t) ? t : GRAFT_NONE;
}
