/* What a pickle of tensors may call. */
#include "ir/formats/state/pickle_impl.h"

enum {
#define STEP(byte, name, step)
#define REFUSED(byte, name)
#define GLOBAL(id, module, name) GLOBAL_##id,
#define STORAGE(name, dtype, quantized)
#include "ir/formats/state/pickle.def"
  GLOBAL_COUNT
};

static const struct {
  const char *module, *name;
} globals[] = {
#define STEP(byte, name, step)
#define REFUSED(byte, name)
#define GLOBAL(id, module, name) {module, name},
#define STORAGE(name, dtype, quantized)
#include "ir/formats/state/pickle.def"
};

static const struct {
  const char *name;
  graft_dtype dtype;
  bool quantized;
} storage_types[] = {
#define QUANTIZED true
#define PLAIN false
#define STEP(byte, name, step)
#define REFUSED(byte, name)
#define GLOBAL(id, module, name)
#define STORAGE(name, dtype, quantized) {name, GRAFT_##dtype, quantized},
#include "ir/formats/state/pickle.def"
#undef QUANTIZED
#undef PLAIN
};
#define STORAGE_TYPES ((uint32_t)(sizeof storage_types / sizeof *storage_types))

/* ---- names ---- */

/* As far as it can be printed: the file decides what stands there. */
static void print(char *to, size_t size, gr_text text) {
  size_t n = text.length < size - 1 ? text.length : size - 1;
  for (size_t i = 0; i < n; i++) to[i] = text.bytes[i] > ' ' && text.bytes[i] < 127 ? text.bytes[i] : '?';
  to[n] = '\0';
}

uint32_t gr_pickle_global(gr_pickle *p, gr_text module, gr_text name) {
  char of[80], what[80];
  for (uint32_t i = 0; i < GLOBAL_COUNT; i++)
    if (gr_text_is(module, globals[i].module) && gr_text_is(name, globals[i].name)) return i;
  for (uint32_t i = 0; i < STORAGE_TYPES && gr_text_is(module, "torch"); i++)
    if (gr_text_is(name, storage_types[i].name)) return GLOBAL_COUNT + i;
  print(of, sizeof of, module);
  print(what, sizeof what, name);
  gr_pickle_fail(p, GRAFT_UNSUPPORTED, "refuses global '%s.%s': a state has tensors and dicts of them alone", of, what);
  return GRAFT_NONE;
}

/* ---- arguments ---- */

typedef struct call {
  gr_pickle *pickle;
  const char *name;
  const gr_pickled *arguments; /* a tuple */
} call;

static bool bad(const call *c) {
  return gr_pickle_fail(c->pickle, GRAFT_FORMAT, "the arguments of %s are not as torch.save writes them", c->name);
}

/* NULL: there is none of this kind. */
static const gr_pickled *argument(const call *c, uint32_t index, gr_pickle_kind kind) {
  const gr_pickled *list = c->arguments;
  if (index >= list->count) return NULL;
  const gr_pickled *v = gr_pickled_at(c->pickle, c->pickle->items.data[list->as.in.first + index]);
  return v->kind == kind ? v : NULL;
}

static bool counts(const call *c, uint32_t least, uint32_t most) {
  return (c->arguments->count >= least && c->arguments->count <= most) || bad(c);
}

/* Item `index` of a tuple of integers, none negative. */
static bool extent(const call *c, const gr_pickled *tuple, uint32_t index, int64_t *value) {
  const gr_pickled *v = gr_pickled_at(c->pickle, c->pickle->items.data[tuple->as.in.first + index]);
  *value = v->as.i;
  return (v->kind == GR_PICKLED_INT && v->as.i >= 0) || bad(c);
}

/* ---- tensors ---- */

/* Does the last element lie in the storage? */
static bool is_within(const gr_state_entry *e, int64_t offset, int64_t elements) {
  int64_t last = offset;
  for (int32_t axis = 0; axis < e->type.rank; axis++) {
    int64_t step;
    if (__builtin_mul_overflow(e->type.dims[axis] - 1, e->strides[axis], &step) ||
        __builtin_add_overflow(last, step, &last))
      return false;
  }
  return last < elements;
}

/* (storage, offset, size, stride, …) */
static bool make_view(const call *c, gr_pickled_tensor *t) {
  const gr_pickled *storage = argument(c, 0, GR_PICKLED_STORAGE), *offset = argument(c, 1, GR_PICKLED_INT);
  const gr_pickled *size = argument(c, 2, GR_PICKLED_TUPLE), *stride = argument(c, 3, GR_PICKLED_TUPLE);
  if (!storage || !offset || !size || !stride || size->count != stride->count || offset->as.i < 0) return bad(c);
  if (size->count > GRAFT_MAX_RANK)
    return gr_pickle_fail(c->pickle, GRAFT_UNSUPPORTED, "a tensor of %u axes, more than 8", size->count);
  const gr_pickled_storage *s = &c->pickle->storages.data[storage->as.i];
  gr_state_entry *e = &t->view;
  e->type = (graft_type){.dtype = s->dtype, .rank = (int32_t)size->count};
  t->quantized = s->quantized;
  for (uint32_t axis = 0; axis < size->count; axis++)
    if (!extent(c, size, axis, &e->type.dims[axis]) || !extent(c, stride, axis, &e->strides[axis])) return false;
  const int64_t elements = graft_type_elements(&e->type);
  if (elements < 0 || (elements > 0 && !is_within(e, offset->as.i, s->elements)))
    return gr_pickle_fail(c->pickle, GRAFT_FORMAT, "a tensor is outside of its storage");
  if (elements > 0) e->data = s->bytes + (size_t)offset->as.i * graft_dtype_size(s->dtype);
  return true;
}

static bool push_tensor(gr_pickle *p, gr_pickled_tensor t) {
  return gr_vec_push(p->context, &p->tensors, t) &&
         gr_pickle_push(p, (gr_pickled){.kind = GR_PICKLED_TENSOR, .as.i = p->tensors.len - 1});
}

/* (storage, offset, size, stride, requires_grad, hooks[, metadata]) */
static bool rebuild_tensor(const call *c) {
  gr_pickled_tensor t = {.scales = GRAFT_NONE, .zero_points = GRAFT_NONE};
  if (!counts(c, 6, 7) || !make_view(c, &t)) return false;
  if (!argument(c, 4, GR_PICKLED_BOOL) || !argument(c, 5, GR_PICKLED_DICT) || t.quantized) return bad(c);
  return push_tensor(c->pickle, t);
}

/* (tensor, requires_grad, hooks): the tensor. */
static bool rebuild_parameter(const call *c) {
  const gr_pickled *data = argument(c, 0, GR_PICKLED_TENSOR);
  if (!counts(c, 3, 3)) return false;
  if (!data || !argument(c, 1, GR_PICKLED_BOOL) || !argument(c, 2, GR_PICKLED_DICT)) return bad(c);
  return gr_pickle_push(c->pickle, *data);
}

/* (per_tensor_affine, scale, zero point), or (per_channel_affine, scales, zero points, axis) */
static bool read_quantizer(const call *c, const gr_pickled *quantizer, gr_pickled_tensor *t) {
  const call q = {.pickle = c->pickle, .name = c->name, .arguments = quantizer};
  const gr_pickled *scheme = argument(&q, 0, GR_PICKLED_GLOBAL);
  if (scheme && scheme->as.i == GLOBAL_PER_TENSOR && quantizer->count == 3) {
    const gr_pickled *scale = argument(&q, 1, GR_PICKLED_FLOAT), *zero_point = argument(&q, 2, GR_PICKLED_INT);
    if (!scale || !zero_point) return bad(c);
    t->scale = scale->as.f;
    t->zero_point = zero_point->as.i;
    return true;
  }
  const gr_pickled *scales = argument(&q, 1, GR_PICKLED_TENSOR), *zero_points = argument(&q, 2, GR_PICKLED_TENSOR);
  if (!scheme || scheme->as.i != GLOBAL_PER_CHANNEL || quantizer->count != 4 || !scales || !zero_points ||
      !argument(&q, 3, GR_PICKLED_INT))
    return bad(c);
  t->scales = (uint32_t)scales->as.i;
  t->zero_points = (uint32_t)zero_points->as.i;
  return true;
}

/* (storage, offset, size, stride, quantizer, requires_grad, hooks) */
static bool rebuild_qtensor(const call *c) {
  gr_pickled_tensor t = {.scales = GRAFT_NONE, .zero_points = GRAFT_NONE};
  if (!counts(c, 7, 7) || !make_view(c, &t)) return false;
  const gr_pickled *quantizer = argument(c, 4, GR_PICKLED_TUPLE);
  if (!quantizer || !argument(c, 5, GR_PICKLED_BOOL) || !argument(c, 6, GR_PICKLED_DICT) || !t.quantized) return bad(c);
  return read_quantizer(c, quantizer, &t) && push_tensor(c->pickle, t);
}

static bool make_ordered_dict(const call *c) {
  return counts(c, 0, 0) &&
         gr_pickle_push(c->pickle,
                        (gr_pickled){.kind = GR_PICKLED_DICT, .ordered = true, .as.in = {GRAFT_NONE, GRAFT_NONE}});
}

bool gr_pickle_call(gr_pickle *p, const gr_pickled *callee, const gr_pickled *arguments) {
  const uint32_t global = (uint32_t)callee->as.i;
  const call c = {.pickle = p, .name = global < GLOBAL_COUNT ? globals[global].name : "", .arguments = arguments};
  switch (global) {
  case GLOBAL_ORDERED_DICT: return make_ordered_dict(&c);
  case GLOBAL_TENSOR: return rebuild_tensor(&c);
  case GLOBAL_PARAMETER: return rebuild_parameter(&c);
  case GLOBAL_QTENSOR: return rebuild_qtensor(&c);
  default: return gr_pickle_fail(p, GRAFT_FORMAT, "REDUCE of what is no function");
  }
}

/* ---- storages ---- */

#define MAX_KEY 64u /* PyTorch's are numbers */

/* ("storage", type, key, device, elements): entry data/KEY of the archive. */
bool gr_pickle_storage(gr_pickle *p, const gr_pickled *id) {
  const call c = {.pickle = p, .name = "a storage", .arguments = id};
  const gr_pickled *word = argument(&c, 0, GR_PICKLED_TEXT), *type = argument(&c, 1, GR_PICKLED_GLOBAL);
  const gr_pickled *key = argument(&c, 2, GR_PICKLED_TEXT), *count = argument(&c, 4, GR_PICKLED_INT);
  if (!counts(&c, 5, 5)) return false;
  if (!word || !gr_text_is(gr_pickled_text(word), "storage") || !type || type->as.i < GLOBAL_COUNT || !key ||
      key->count > MAX_KEY || !argument(&c, 3, GR_PICKLED_TEXT) || !count || count->as.i < 0)
    return bad(&c);
  p->name.bytes.len = 0;
  gr_sink_write(&p->name, p->folder.bytes, p->folder.length);
  gr_sink_text(&p->name, "data/");
  gr_sink_write(&p->name, key->as.text, key->count);
  if (p->name.failed) return false;
  const gr_text bytes = gr_zip_find(p->archive, (gr_text){p->name.bytes.data, p->name.bytes.len});
  char shown[80];
  print(shown, sizeof shown, gr_pickled_text(key));
  if (!bytes.bytes) return gr_pickle_fail(p, GRAFT_FORMAT, "storage '%s' is not in the archive", shown);
  const uint32_t at = (uint32_t)type->as.i - GLOBAL_COUNT;
  const graft_dtype dtype = storage_types[at].dtype;
  const uint64_t width = graft_dtype_size(dtype), elements = (uint64_t)count->as.i;
  if (bytes.length % width || bytes.length / width != elements)
    return gr_pickle_fail(p, GRAFT_FORMAT, "storage '%s' has %zu bytes, not %llu elements of %s", shown, bytes.length,
                          (unsigned long long)elements, graft_dtype_name(dtype));
  const gr_pickled_storage s = {
      .bytes = bytes.bytes, .elements = count->as.i, .dtype = dtype, .quantized = storage_types[at].quantized};
  return gr_vec_push(p->context, &p->storages, s) &&
         gr_pickle_push(p, (gr_pickled){.kind = GR_PICKLED_STORAGE, .as.i = p->storages.len - 1});
}
