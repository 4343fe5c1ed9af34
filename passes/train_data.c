/* Rows of data into batches: which input they are for, whether they fit, in which order they come. */
#include <inttypes.h>
#include <string.h>

#include "ir/graph/element_int.h"
#include "ir/graph/options_int.h"
#include "ir/inspect.h"
#include "passes/train_impl.h"
#include "runtime/runtime_int.h"

static graft_status refuse_input(graft_graph *g, graft_value v, const graft_type *have, const char *why) {
  const graft_type want = graft_value_get_type(g, v);
  char a[GR_TYPE_SIZE], b[GR_TYPE_SIZE];
  gr_type_format(have, a, sizeof a);
  gr_type_format(&want, b, sizeof b);
  return gr_error(g->module->context, GRAFT_TYPE, gr_value_loc(g, v), "the data are %s, the input is %s: %s", a, b,
                  why);
}

static bool bytes_of(const graft_type *t, size_t *bytes) {
  const int64_t elements = graft_type_elements(t);
  const size_t width = graft_dtype_size(t->dtype);
  if (elements < 0 || !width || (uint64_t)elements > PTRDIFF_MAX / 2 / width) return false;
  *bytes = (size_t)elements * width;
  return true;
}

static const char *misfit(const graft_type *want, const graft_type *have, int64_t batch) {
  if (want->dtype != have->dtype && !(gr_is_integer(want->dtype) && gr_is_integer(have->dtype)) &&
      !(gr_is_float(want->dtype) && gr_is_float(have->dtype)))
    return "the dtypes do not go together";
  if (want->rank >= 0 && want->rank != have->rank) return "they have another number of axes";
  for (int32_t i = 1; i < want->rank; i++)
    if (want->dims[i] >= 0 && want->dims[i] != have->dims[i]) return "the extents differ";
  if (want->rank > 0 && want->dims[0] >= 0 && want->dims[0] != batch) return "the batch has another number of rows";
  return NULL;
}

static graft_status take_column(gr_table *t, graft_graph *g, const graft_train_input *inputs, uint32_t i,
                                const char *labels) {
  graft_context *c = t->context;
  gr_column *column = &t->columns[i];
  *column = (gr_column){.input = GRAFT_NONE};
  graft_status s = gr_take_item(c, &column->from, sizeof column->from, inputs, i, "input");
  if (s) return s;
  graft_train_input *from = &column->from;
  if (!from->name) return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "data %u have no name", i);
  const gr_loc where = {.node = from->name};
  size_t bytes;
  if (!gr_type_given(c, &from->type, where)) return GRAFT_INVALID_ARGUMENT;
  if (from->type.rank < 1 || !bytes_of(&from->type, &bytes))
    return gr_error(c, GRAFT_TYPE, where, "data have rows along their first axis, and known extents");
  if (!from->data && bytes) return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "there are no data");
  if (strcmp(from->name, labels) == 0) t->labels = i;
  for (uint32_t k = 0; k < i; k++)
    if (strcmp(t->columns[k].from.name, from->name) == 0)
      return gr_error(c, GRAFT_NAME, where, "data for the input are given twice");
  if (i && from->type.dims[0] != t->rows)
    return gr_error(c, GRAFT_TYPE, where, "%" PRId64 " rows, but '%s' has %" PRId64, from->type.dims[0],
                    t->columns[0].from.name, t->rows);
  t->rows = from->type.dims[0];
  column->most = from->type;
  column->most.dims[0] = t->batch;
  for (uint32_t k = 0; k < graft_input_count(g); k++) {
    const graft_value v = graft_input_get(g, k);
    char name[512];
    graft_value_name(g, v, name, sizeof name);
    if (strcmp(name, from->name) != 0) continue;
    const graft_type want = graft_value_get_type(g, v);
    const char *why = misfit(&want, &from->type, t->batch);
    if (why) return refuse_input(g, v, &column->most, why);
    column->input = k;
    if (want.dtype != GRAFT_UNKNOWN) column->most.dtype = want.dtype;
  }
  const graft_graph *train = graft_module_find_graph(g->module, "train");
  for (uint32_t k = 0; column->input == GRAFT_NONE && t->labels == i && train && k < graft_input_count(train); k++) {
    char name[512];
    graft_value_name(train, graft_input_get(train, k), name, sizeof name);
    const graft_type want = graft_value_get_type(train, graft_input_get(train, k));
    if (strcmp(name, from->name) == 0 && !misfit(&(graft_type){.dtype = want.dtype, .rank = -1}, &from->type, 0))
      column->most.dtype = want.dtype;
  }
  if (column->input == GRAFT_NONE && t->labels != i)
    return gr_error(c, GRAFT_NAME, where, "the graph '%s' has no such input", graft_graph_get_name(g));
  if (!bytes_of(&column->most, &column->size)) return gr_no_memory(c);
  column->batch = gr_calloc(c, column->size + 1, 1);
  return column->batch ? GRAFT_OK : GRAFT_NO_MEMORY;
}

graft_status gr_table_begin(gr_table *t, graft_graph *g, const graft_train_input *inputs, uint32_t count,
                            const char *labels, int64_t batch) {
  graft_context *c = g->module->context;
  graft_status s = GRAFT_OK;
  *t = (gr_table){.context = c, .labels = GRAFT_NONE, .batch = batch};
  t->columns = gr_calloc(c, (size_t)count + 1, sizeof *t->columns);
  if (!t->columns) return GRAFT_NO_MEMORY;
  t->count = count;
  for (uint32_t i = 0; i < count && !s; i++) s = take_column(t, g, inputs, i, labels);
  for (uint32_t k = 0; k < graft_input_count(g) && !s; k++) {
    bool given = false;
    for (uint32_t i = 0; i < count; i++) given |= t->columns[i].input == k;
    if (!given) s = gr_error(c, GRAFT_NAME, gr_value_loc(g, graft_input_get(g, k)), "there are no data for this input");
  }
  return s;
}

void gr_table_end(gr_table *t) {
  for (uint32_t i = 0; t->columns && i < t->count; i++)
    if (t->columns[i].batch) gr_free(t->context, t->columns[i].batch, t->columns[i].size + 1);
  if (t->columns) gr_free(t->context, t->columns, ((size_t)t->count + 1) * sizeof *t->columns);
  if (t->order) gr_free(t->context, t->order, ((size_t)t->rows + 1) * sizeof *t->order);
  *t = (gr_table){0};
}

/* Fisher and Yates; the numbers are drawn by counting. */
graft_status gr_table_shuffle(gr_table *t, uint64_t seed, int64_t epoch) {
  const uint64_t key = gr_mix(gr_mix(seed + 1) + (uint64_t)epoch);
  if (!t->order) t->order = gr_alloc(t->context, ((size_t)t->rows + 1) * sizeof *t->order);
  if (!t->order) return GRAFT_NO_MEMORY;
  for (int64_t i = 0; i < t->rows; i++) t->order[i] = i;
  for (int64_t i = t->rows - 1; i > 0; i--) {
    const int64_t k = (int64_t)(gr_mix(key + (uint64_t)i) % (uint64_t)(i + 1)), other = t->order[i];
    t->order[i] = t->order[k];
    t->order[k] = other;
  }
  return GRAFT_OK;
}

/* A row in the input's dtype; an integer must be one that it has. */
static graft_status convert(gr_table *t, const gr_column *c, int64_t row, const char *from, char *to, int64_t count) {
  const graft_dtype a = c->from.type.dtype, b = c->most.dtype;
  const size_t step = graft_dtype_size(a), width = graft_dtype_size(b);
  int64_t low = INT64_MIN, high = INT64_MAX;
  (void)gr_integer_range(b, &low, &high);
  for (int64_t i = 0; i < count; i++, from += step, to += width) {
    if (gr_is_float(b)) {
      gr_element_set_float(b, to, gr_element_float(a, from));
      continue;
    }
    const int64_t x = gr_element_int(a, from);
    if (a == GRAFT_U64 && x < 0)
      return gr_error(t->context, GRAFT_RUN, (gr_loc){.node = c->from.name},
                      "row %" PRId64 " of the data has %" PRIu64 ", which the input's %s does not", row, (uint64_t)x,
                      graft_dtype_name(b));
    if (x < low || x > high)
      return gr_error(t->context, GRAFT_RUN, (gr_loc){.node = c->from.name},
                      "row %" PRId64 " of the data has %" PRId64 ", which the input's %s does not", row, x,
                      graft_dtype_name(b));
    gr_element_set_int(b, to, x);
  }
  return GRAFT_OK;
}

graft_status gr_table_feed(gr_table *t, int64_t first, int64_t count, graft_session *session) {
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; i < t->count && !s; i++) {
    gr_column *c = &t->columns[i];
    const int64_t elements = t->batch ? graft_type_elements(&c->most) / t->batch : 0;
    const size_t from = (size_t)elements * graft_dtype_size(c->from.type.dtype);
    const size_t to = (size_t)elements * graft_dtype_size(c->most.dtype);
    for (int64_t k = 0; k < count && !s; k++) {
      const int64_t row = t->order ? t->order[first + k] : first + k;
      const char *at = (const char *)c->from.data + (size_t)row * from;
      char *there = (char *)c->batch + (size_t)k * to;
      if (c->from.type.dtype != c->most.dtype)
        s = convert(t, c, row, at, there, elements);
      else if (to)
        memcpy(there, at, to);
    }
    c->type = c->most;
    c->type.dims[0] = count;
    if (!s && c->input != GRAFT_NONE) s = graft_session_set_input(session, c->input, &c->type, c->batch);
  }
  return s;
}

int64_t gr_table_right(const gr_table *t, const graft_type *type, const void *data) {
  if (t->labels == GRAFT_NONE || type->dtype != GRAFT_F32 || type->rank != 2) return -1;
  const gr_column *labels = &t->columns[t->labels];
  const int64_t rows = type->dims[0], classes = type->dims[1];
  if (!gr_is_integer(labels->type.dtype) || graft_type_elements(&labels->type) != rows || classes < 1) return -1;
  const size_t width = graft_dtype_size(labels->type.dtype);
  int64_t right = 0;
  for (int64_t i = 0; i < rows; i++) {
    const float *row = (const float *)data + i * classes;
    int64_t best = 0;
    for (int64_t k = 1; k < classes; k++)
      if (row[k] > row[best]) best = k;
    right += gr_element_int(labels->type.dtype, (const char *)labels->batch + (size_t)i * width) == best;
  }
  return right;
}
