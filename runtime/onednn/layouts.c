/* The layouts that oneDNN's primitives chose, numbered: a layout is a memory descriptor together with the one that
 * describes the same array in C order (a weight's axes are numbered otherwise there). Both without dtype, but for what
 * is no plain array (int8 weights with sums behind them). One that has every element where C order has it is C order.
 */
#include "runtime/onednn/onednn_impl.h"

#include <stdio.h>
#include <string.h>

struct gr_dnnl_layout {
  dnnl_memory_desc_t plain, best;
  char name[48];
};

static dnnl_memory_desc_t with_dtype(const dnnl_memory_desc_t *d, dnnl_data_type_t dtype) {
  dnnl_memory_desc_t copy = *d;
  if (d->extra.flags == dnnl_memory_extra_flag_none) copy.data_type = dtype;
  return copy;
}

/* ---- is it C order? ---- */

/* Where entry i of an axis lies, from its first; an address is the sum over the axes. */
static int64_t position(const dnnl_memory_desc_t *d, int axis, int64_t i) {
  const dnnl_blocking_desc_t *b = &d->format_desc.blocking;
  int64_t at = 0, stride = 1;
  for (int k = b->inner_nblks; k-- > 0;) {
    if (b->inner_idxs[k] == axis) at += i % b->inner_blks[k] * stride, i /= b->inner_blks[k];
    stride *= b->inner_blks[k];
  }
  return at + i * b->strides[axis];
}

static bool same_places(const dnnl_memory_desc_t *plain, const dnnl_memory_desc_t *best) {
  if (best->format_kind != dnnl_blocked || plain->format_kind != dnnl_blocked || best->offset0 != plain->offset0 ||
      best->extra.flags != dnnl_memory_extra_flag_none)
    return false;
  for (int axis = 0; axis < plain->ndims; axis++) {
    if (best->padded_dims[axis] != plain->padded_dims[axis]) return false;
    if (plain->dims[axis] > 1 && best->format_desc.blocking.inner_nblks == 0 &&
        best->format_desc.blocking.strides[axis] != plain->format_desc.blocking.strides[axis])
      return false;
    if (best->format_desc.blocking.inner_nblks == 0) continue;
    for (int64_t i = 1; i < plain->dims[axis]; i++)
      if (position(best, axis, i) != position(plain, axis, i)) return false;
  }
  return true;
}

/* ---- names ---- */

/* As oneDNN writes them: axes from the outermost to the innermost, of which a letter is large that has blocks within.
 */
static void name_it(const dnnl_memory_desc_t *d, char *text, size_t size) {
  const dnnl_blocking_desc_t *b = &d->format_desc.blocking;
  if (d->format_kind != dnnl_blocked) {
    snprintf(text, size, "opaque");
    return;
  }
  int order[DNNL_MAX_NDIMS];
  for (int i = 0; i < d->ndims; i++) {
    int at = i;
    for (; at > 0 && b->strides[order[at - 1]] < b->strides[i]; at--) order[at] = order[at - 1];
    order[at] = i;
  }
  size_t used = 0;
  for (int i = 0; i < d->ndims && used + 1 < size; i++) {
    bool blocks = false;
    for (int k = 0; k < b->inner_nblks; k++) blocks = blocks || b->inner_idxs[k] == order[i];
    text[used++] = (char)((blocks ? 'A' : 'a') + order[i]);
  }
  text[used] = '\0';
  for (int k = 0; k < b->inner_nblks && used + 8 < size; k++)
    used += (size_t)snprintf(text + used, size - used, "%d%c", (int)b->inner_blks[k], 'a' + (int)b->inner_idxs[k]);
}

/* ---- the numbers ---- */

static uint64_t hash_desc(uint64_t h, const dnnl_memory_desc_t *d) {
  h = gr_mix(h ^ (uint64_t)d->ndims);
  for (int i = 0; i < d->ndims; i++) h = gr_mix(h ^ (uint64_t)d->dims[i]);
  if (d->format_kind != dnnl_blocked) return h;
  for (int i = 0; i < d->ndims; i++) h = gr_mix(h ^ (uint64_t)d->format_desc.blocking.strides[i]);
  for (int k = 0; k < d->format_desc.blocking.inner_nblks; k++)
    h = gr_mix(h ^ (uint64_t)(d->format_desc.blocking.inner_idxs[k] + 16 * d->format_desc.blocking.inner_blks[k]));
  return h;
}

static bool equal(const gr_dnnl_layout *a, const gr_dnnl_layout *b) {
  return dnnl_memory_desc_equal(&a->best, &b->best) && dnnl_memory_desc_equal(&a->plain, &b->plain);
}

bool gr_dnnl_number(gr_dnnl *d, const dnnl_memory_desc_t *plain, const dnnl_memory_desc_t *best, uint32_t *layout) {
  *layout = 0;
  if (same_places(plain, best)) return true;
  gr_dnnl_layout l = {.plain = with_dtype(plain, dnnl_f32), .best = with_dtype(best, dnnl_f32)};
  uint64_t key = hash_desc(hash_desc(0, plain), best);
  while ((*layout = gr_map_get(&d->numbers, key)) != GRAFT_NONE) {
    if (equal(&d->layouts.data[*layout - 1], &l)) return true;
    key = gr_mix(key + 1); /* another layout's */
  }
  name_it(best, l.name, sizeof l.name);
  if (!gr_vec_push(d->context, &d->layouts, l)) return false;
  *layout = d->layouts.len;
  return gr_map_put(d->context, &d->numbers, key, *layout);
}

void gr_dnnl_free_layouts(gr_dnnl *d) {
  gr_map_free(d->context, &d->numbers);
  gr_vec_free(d->context, &d->layouts);
}

dnnl_memory_desc_t gr_dnnl_in_layout(const gr_dnnl *d, uint32_t layout, const dnnl_memory_desc_t *plain) {
  return layout ? with_dtype(&d->layouts.data[layout - 1].best, plain->data_type) : *plain;
}

dnnl_data_type_t gr_dnnl_dtype(graft_dtype dtype) {
  switch (dtype) {
  case GRAFT_F32: return dnnl_f32;
  case GRAFT_I32: return dnnl_s32;
  case GRAFT_I8: return dnnl_s8;
  case GRAFT_U8: return dnnl_u8;
  default: return dnnl_data_type_undef;
  }
}

/* ---- for the plan ---- */

void gr_dnnl_layout_info(const void *state, uint32_t layout, graft_dtype dtype, gr_layout_info *info) {
  const gr_dnnl *d = state;
  const gr_dnnl_layout *l = &d->layouts.data[layout - 1];
  /* By the size of an element: that also goes for a dtype that oneDNN does not know. */
  const dnnl_memory_desc_t bytes = with_dtype(&l->best, dnnl_u8);
  const size_t size = dnnl_memory_desc_get_size(&bytes);
  int64_t padded = 1, dims = 1;
  for (int i = 0; i < bytes.ndims; i++) padded *= bytes.padded_dims[i], dims *= bytes.dims[i];
  const bool plain = bytes.extra.flags == dnnl_memory_extra_flag_none;
  const bool dense = plain && bytes.format_kind == dnnl_blocked && (uint64_t)padded == size;
  *info = (gr_layout_info){.bytes = plain ? size * graft_dtype_size(dtype) : size,
                           .elements = dense ? padded : 0,
                           .padded = padded != dims,
                           .name = l->name};
}

graft_status gr_dnnl_reorder(void *state, const graft_type *type, uint32_t from, uint32_t to, void **kernel) {
  gr_dnnl *d = state;
  const dnnl_data_type_t dtype = gr_dnnl_dtype(type->dtype);
  const gr_dnnl_layout *a = from ? &d->layouts.data[from - 1] : NULL, *b = to ? &d->layouts.data[to - 1] : NULL;
  *kernel = NULL;
  if (dtype == dnnl_data_type_undef || (!a && !b) || (a && b && !dnnl_memory_desc_equal(&a->plain, &b->plain)))
    return GRAFT_OK;
  const dnnl_memory_desc_t source = with_dtype(a ? &a->best : &b->plain, dtype);
  const dnnl_memory_desc_t target = with_dtype(b ? &b->best : &a->plain, dtype);
  gr_dnnl_plan p = {.count = 0};
  const int threads = gr_dnnl_alone();
  const dnnl_status_t status =
      dnnl_reorder_primitive_desc_create(&p.desc, &source, d->engine, &target, d->engine, d->attr);
  gr_dnnl_together(threads);
  if (status != dnnl_success) return GRAFT_OK;
  gr_dnnl_add(&p, DNNL_ARG_FROM, 0, false, &source);
  gr_dnnl_add(&p, DNNL_ARG_TO, 0, true, &target);
  const graft_status made = gr_dnnl_make(d, &p, NULL, kernel);
  gr_dnnl_plan_end(&p);
  return made;
}
