/* See nodes.h. */
#include "tools/nodes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ir/formats/npy_int.h"
#include "ir/graph/printable_int.h"
#include "ir/ir_int.h"

enum { NAME_MAX = 128, FILE_MAX = 180, WIDE = 60 };

/* Reorders have rows too: those for a node are a list. */
typedef struct node_row {
  uint32_t runs;
  double seconds;
  const char *kernel, *from, *layout;
  uint32_t reorders; /* within the time */
  bool once;
  graft_value reordered;
  struct node_row *first, *next;
} node_row;

typedef struct value_row {
  graft_statistics statistics;
  graft_type type; /* of the last step; rank -1: never seen */
  char *file;      /* DIR/NAME, owned */
} value_row;

struct nodes {
  graft_graph *graph;
  nodes_options options;
  uint32_t node_count, value_count, steps;
  node_row *rows;    /* by node */
  value_row *values; /* by value */
  double seconds;    /* of what runs in every step */
};

/* A name for a table: control characters would move the cursor. */
static const char *label(const graft_graph *g, graft_value v, char *text) {
  char name[NAME_MAX];
  graft_value_name(g, v, name, sizeof name);
  gr_printable_text(name, text, NAME_MAX);
  return text;
}

/* ---- files ---- */

static int by_file(const void *a, const void *b) {
  const value_row *x = *(const value_row *const *)a, *y = *(const value_row *const *)b;
  const int order = strcmp(x->file, y->file);
  return order ? order : (x > y) - (x < y);
}

/* Values whose names make one file name get a number behind it. */
static bool tell_apart(nodes *n) {
  value_row **order = calloc(n->value_count + 1u, sizeof *order);
  if (!order) return false;
  bool ok = true, again = true;
  for (int round = 0; ok && again && round < 8; round++) {
    uint32_t count = 0;
    for (uint32_t v = 0; v < n->value_count; v++)
      if (n->values[v].file) order[count++] = &n->values[v];
    qsort(order, count, sizeof *order, by_file);
    again = false;
    for (uint32_t i = 1, copy = 1; ok && i < count; i++) {
      const char *first = order[i - copy]->file;
      if (strcmp(first, order[i]->file) != 0) {
        copy = 1;
        continue;
      }
      size_t size = strlen(first) + 16;
      char *file = malloc(size);
      if (!file) {
        ok = false;
        break;
      }
      snprintf(file, size, "%s-%u", first, ++copy);
      free(order[i]->file);
      order[i]->file = file;
      again = true;
    }
  }
  free(order);
  return ok && !again;
}

static bool name_files(nodes *n) {
  char name[FILE_MAX];
  for (uint32_t v = 0; v < n->value_count; v++) {
    const uint32_t kind = gr_value_at(n->graph, v)->def_kind;
    if ((kind != GR_DEF_INPUT && kind != GR_DEF_NODE) || gr_value_at(n->graph, v)->type == GRAFT_NONE) continue;
    graft_value_name(n->graph, v, name, sizeof name);
    n->values[v].file = cli_path(n->options.dump, name, NULL);
    if (!n->values[v].file) return false;
  }
  return cli_make_directory(n->options.dump) && tell_apart(n);
}

static graft_status write_value(const nodes *n, graft_value v, const graft_type *type, const void *data) {
  graft_context *c = n->graph->module->context;
  const char *file = n->values[v].file;
  size_t size = strlen(file) + 32;
  char *path = malloc(size);
  if (!path) return gr_no_memory(c);
  snprintf(path, size, "%s.%u.npy", file, n->steps - 1);
  graft_status status = gr_npy_write(c, path, type, data);
  free(path);
  return status;
}

/* ---- a run ---- */

nodes *nodes_create(graft_graph *graph, const nodes_options *options) {
  nodes *n = calloc(1, sizeof *n);
  if (!n) return NULL;
  *n = (nodes){.graph = graph, .options = *options, .node_count = graph->nodes.len, .value_count = graph->values.len};
  n->rows = calloc(n->node_count + 1u, sizeof *n->rows);
  n->values = calloc(n->value_count + 1u, sizeof *n->values);
  for (uint32_t v = 0; n->values && v < n->value_count; v++) n->values[v].type.rank = -1;
  if (n->rows && n->values && (!options->dump || name_files(n))) return n;
  nodes_destroy(n);
  return NULL;
}

void nodes_destroy(nodes *n) {
  if (!n) return;
  for (uint32_t v = 0; n->values && v < n->value_count; v++) free(n->values[v].file);
  free(n->values);
  for (uint32_t i = 0; n->rows && i < n->node_count; i++)
    for (node_row *r = n->rows[i].first, *next; r; r = next) next = r->next, free(r);
  free(n->rows);
  free(n);
}

static graft_status see(nodes *n, graft_value v, const graft_type *type, const void *data) {
  value_row *row = &n->values[v];
  row->type = *type;
  if (n->options.values) graft_statistics_add(&row->statistics, type->dtype, data, graft_type_elements(type));
  return n->options.dump ? write_value(n, v, type, data) : GRAFT_OK;
}

bool nodes_begin_step(nodes *n, const feeds *inputs) {
  n->steps++;
  for (uint32_t i = 0; i < inputs->count; i++) {
    const feed *item = &inputs->items[i];
    const graft_type type = feeds_type(inputs, item);
    if (see(n, item->input, &type, feeds_data(inputs, item)) != GRAFT_OK) return false;
  }
  return true;
}

graft_status nodes_hook(void *user, const graft_node_done *done) {
  nodes *n = user;
  node_row *r = &n->rows[done->node];
  if (done->reordered != GRAFT_NONE) {
    node_row **at = &r->first;
    while (*at && ((*at)->reordered != done->reordered || strcmp((*at)->layout, done->layout) != 0)) at = &(*at)->next;
    if (!*at && !(*at = calloc(1, sizeof **at))) return gr_no_memory(done->graph->module->context);
    r = *at;
  }
  r->runs++;
  r->seconds += done->seconds;
  r->kernel = done->kernel;
  r->from = done->from;
  r->layout = done->layout;
  r->reordered = done->reordered;
  r->reorders = done->reorders;
  r->once = done->once;
  if (!done->once) n->seconds += done->seconds;
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; status == GRAFT_OK && i < done->result_count; i++)
    if (done->results[i])
      status = see(n, graft_node_result(done->graph, done->node, i), &done->result_types[i], done->results[i]);
  return status;
}

/* ---- tables ---- */

static int wider(int width, const char *text) {
  const int length = (int)strlen(text);
  return length > width && length <= WIDE ? length : width;
}

/* NAME_MAX bytes for each; how the elements lie, of a reorder before and after. */
static const char *layout_text(const node_row *r, char *text) {
  snprintf(text, NAME_MAX, r->from ? "%s > %s" : "%s%s", r->from ? r->from : "", r->layout);
  return text;
}

static void print_row(const nodes *n, const node_row *r, graft_value v, const char *op, const int *widths, FILE *out) {
  char name[NAME_MAX], layout[NAME_MAX], share[16] = "once", reorders[32] = "";
  if (!r->once) snprintf(share, sizeof share, "%.1f%%", n->seconds > 0 ? 100 * r->seconds / n->seconds : 0.0);
  if (r->reorders) snprintf(reorders, sizeof reorders, ", %u reorder%s", r->reorders, r->reorders == 1 ? "" : "s");
  fprintf(out, "  %-*s  %-*s  %9.3f ms  %6s  %-*s  %s%s\n", widths[0], label(n->graph, v, name), widths[1], op,
          1e3 * r->seconds / r->runs, share, widths[2], layout_text(r, layout), r->kernel, reorders);
}

static void widen(int *widths, const graft_graph *g, const node_row *r, graft_value v, const char *op) {
  char text[NAME_MAX];
  widths[0] = wider(widths[0], label(g, v, text));
  widths[1] = wider(widths[1], op);
  widths[2] = wider(widths[2], layout_text(r, text));
}

void nodes_print_timing(const nodes *n, FILE *out) {
  int widths[] = {4, 7, 7}; /* of names, ops, layouts */
  const graft_graph *g = n->graph;
  for (graft_node i = graft_node_first(g); i != GRAFT_NONE; i = graft_node_next(g, i)) {
    const node_row *row = &n->rows[i];
    for (const node_row *r = row->first; r; r = r->next) widen(widths, g, r, r->reordered, "reorder");
    if (row->runs) widen(widths, g, row, gr_node_at(g, i)->first_result, graft_node_get_op(g, i));
  }
  fprintf(out, "nodes in graph order: time of a step, and its share\n");
  fprintf(out, "  %-*s  %-*s  %12s  %6s  %-*s  kernel\n", widths[0], "node", widths[1], "op", "time", "share",
          widths[2], "layout");
  for (graft_node i = graft_node_first(g); i != GRAFT_NONE; i = graft_node_next(g, i)) {
    const node_row *row = &n->rows[i];
    for (const node_row *r = row->first; r; r = r->next) print_row(n, r, r->reordered, "reorder", widths, out);
    if (row->runs) print_row(n, row, gr_node_at(g, i)->first_result, graft_node_get_op(g, i), widths, out);
  }
}

static void print_value(const nodes *n, graft_value v, int names, int types, FILE *out) {
  const value_row *row = &n->values[v];
  const graft_statistics *s = &row->statistics;
  char name[NAME_MAX], type[GR_TYPE_SIZE];
  gr_type_format(&row->type, type, sizeof type);
  fprintf(out, "  %-*s  %-*s", names, label(n->graph, v, name), types, type);
  if (s->count == s->nan + s->infinite)
    fprintf(out, "  %12s  %12s  %12s", "-", "-", "-");
  else
    fprintf(out, "  %12.6g  %12.6g  %12.6g", s->min, s->max, graft_statistics_mean(s));
  fprintf(out, "  %8" PRId64 "  %8" PRId64 "  %5.1f%%\n", s->nan, s->infinite,
          s->count ? 100.0 * (double)s->zeros / (double)s->count : 0.0);
}

/* In order: the inputs, then the nodes' results. */
static void each_value(const nodes *n, int *names, int *types, FILE *out) {
  const graft_graph *g = n->graph;
  char name[NAME_MAX], type[GR_TYPE_SIZE];
  graft_node node = graft_node_first(g);
  uint32_t input = 0, result = 0;
  for (;;) {
    graft_value v;
    if (input < graft_input_count(g)) {
      v = graft_input_get(g, input++);
    } else {
      while (node != GRAFT_NONE && result == gr_node_at(g, node)->result_count) {
        node = graft_node_next(g, node);
        result = 0;
      }
      if (node == GRAFT_NONE) return;
      v = graft_node_result(g, node, result++);
    }
    if (v == GRAFT_NONE || n->values[v].type.rank < 0) continue;
    if (out) {
      print_value(n, v, *names, *types, out);
      continue;
    }
    *names = wider(*names, label(g, v, name));
    gr_type_format(&n->values[v].type, type, sizeof type);
    *types = wider(*types, type);
  }
}

void nodes_print_values(const nodes *n, FILE *out) {
  int names = 5, types = 4;
  each_value(n, &names, &types, NULL);
  fprintf(out, "values of %u step%s\n", n->steps, n->steps == 1 ? "" : "s");
  fprintf(out, "  %-*s  %-*s  %12s  %12s  %12s  %8s  %8s  %6s\n", names, "value", types, "type", "min", "max", "mean",
          "NaN", "infinite", "zeros");
  each_value(n, &names, &types, out);
}
