#include "ir/formats/state/element_impl.h"

#include <string.h>

/* ---- elements in C order, wherever they lie ---- */

typedef struct walk {
  const gr_state_entry *entry;
  int64_t index[GRAFT_MAX_RANK];
  int64_t offset; /* of the element, in elements */
  size_t width;
} walk;

static const void *element(const walk *w) { return w->entry->data + (size_t)w->offset * w->width; }

static void next(walk *w) {
  const gr_state_entry *e = w->entry;
  for (int32_t axis = e->type.rank; axis-- > 0;) {
    if (++w->index[axis] < e->type.dims[axis]) {
      w->offset += e->strides[axis];
      return;
    }
    w->offset -= (e->type.dims[axis] - 1) * e->strides[axis];
    w->index[axis] = 0;
  }
}

static void convert(graft_dtype from, const void *at, graft_dtype to, void *out) {
  if (gr_is_float(to))
    gr_element_set_float(to, out, gr_element_float(from, at));
  else
    gr_element_set_int(to, out, gr_element_int(from, at));
}

void gr_state_copy(const gr_state_entry *e, graft_dtype dtype, void *to) {
  const int64_t n = graft_type_elements(&e->type);
  const size_t width = graft_dtype_size(dtype);
  walk w = {.entry = e, .width = graft_dtype_size(e->type.dtype)};
  char *out = to;
  if (n > 0 && dtype == e->type.dtype && gr_state_is_packed(e)) {
    memcpy(out, e->data, (size_t)n * width);
    return;
  }
  for (int64_t i = 0; i < n; i++, next(&w), out += width) {
    if (dtype == e->type.dtype)
      memcpy(out, element(&w), width);
    else
      convert(e->type.dtype, element(&w), dtype, out);
  }
}

/* ---- checks ---- */

/* The first element that `dtype`, of integers, cannot hold; -1: it can hold all. */
static int64_t first_beyond(const gr_state_entry *e, graft_dtype dtype) {
  const int64_t n = graft_type_elements(&e->type);
  walk w = {.entry = e, .width = graft_dtype_size(e->type.dtype)};
  int64_t low = 0, high = 0;
  gr_integer_range(dtype, &low, &high);
  for (int64_t i = 0; i < n; i++, next(&w)) {
    const int64_t value = gr_element_int(e->type.dtype, element(&w)); /* of u64 past INT64_MAX negative */
    if (value < low || value > high || (e->type.dtype == GRAFT_U64 && value < 0)) return i;
  }
  return -1;
}

/* A bool that is neither 0 nor 1 must not reach code that reads it as one. */
static bool sound(const gr_state_entry *e) {
  const int64_t n = e->type.dtype == GRAFT_BOOL ? graft_type_elements(&e->type) : 0;
  walk w = {.entry = e, .width = 1};
  for (int64_t i = 0; i < n; i++, next(&w))
    if (*(const unsigned char *)element(&w) > 1) return false;
  return true;
}

/* As PyTorch has it: what was a scalar once had an axis. */
static bool shapes_agree(const graft_type *file, const graft_type *module) {
  return gr_same_shape(file, module) || (module->rank == 0 && file->rank == 1 && file->dims[0] == 1);
}

static bool same_elements(graft_module *m, const gr_state_entry *e, graft_tensor t) {
  const graft_type *type = gr_tensor_type(m, t);
  const char *have = graft_tensor_get_data(m, t);
  const int64_t n = have && type->dtype == e->type.dtype ? graft_type_elements(type) : 0;
  const size_t width = graft_dtype_size(type->dtype);
  walk w = {.entry = e, .width = width};
  if (!have || type->dtype != e->type.dtype) return false;
  for (int64_t i = 0; i < n; i++, next(&w))
    if (memcmp(element(&w), have + (size_t)i * width, width) != 0) return false;
  return true;
}

gr_state_fit gr_state_check(const gr_state *s, graft_module *m, const gr_state_entry *e, graft_tensor t, bool constant,
                            bool quiet) {
  graft_context *c = s->context;
  const graft_type *type = gr_tensor_type(m, t);
  const gr_loc where = {.file = s->path, .module = m, .name = m->tensors.data[t].name};
  const graft_dtype from = e->type.dtype, to = type->dtype;
  char theirs[GR_TYPE_SIZE], ours[GR_TYPE_SIZE];
  const bool integers = gr_is_integer(from) && gr_is_integer(to), floats = gr_is_float(from) && gr_is_float(to);
  if (!shapes_agree(&e->type, type) || (from != to && !integers && !floats)) {
    gr_type_format(&e->type, theirs, sizeof theirs);
    gr_type_format(type, ours, sizeof ours);
    if (!quiet) gr_error(c, GRAFT_TYPE, where, "the file has %s, the module %s", theirs, ours);
    return GR_STATE_WRONG;
  }
  if (constant && !same_elements(m, e, t)) {
    if (!quiet)
      gr_error(c, GRAFT_TYPE, where, "the file has other elements than the module, where this constant is no state");
    return GR_STATE_WRONG;
  }
  if (!sound(e)) {
    if (!quiet) gr_error(c, GRAFT_FORMAT, where, "a bool of the file is neither 0 nor 1");
    return GR_STATE_WRONG;
  }
  const int64_t beyond = from != to && integers ? first_beyond(e, to) : -1;
  if (beyond >= 0) {
    if (!quiet)
      gr_error(c, GRAFT_TYPE, where, "element %lld of the file's %s does not fit the module's %s", (long long)beyond,
               graft_dtype_name(from), graft_dtype_name(to));
    return GR_STATE_WRONG;
  }
  return from != to && floats ? GR_STATE_IS_CAST : GR_STATE_FITS;
}
