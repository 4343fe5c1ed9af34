/* Arithmetic on sizes: what a graph computes from extents and constants alone, a few numbers at most. Exporters write
 * the extents of a resize by a scale in floats (to f32, times 1.5, floor, to i64); quantized like data they would come
 * out as other extents. Grids and positions that are made of extents are longer lists, and data. */
#include "passes/quant_impl.h"

enum { MOST_NUMBERS = 2 * GRAFT_MAX_RANK }; /* the pads of all axes */

static bool is_short(const graft_graph *g, graft_node n) {
  for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++) {
    const int64_t count = graft_type_elements(gr_type_of(g, gr_result(g, n, i)));
    if (count < 0 || count > MOST_NUMBERS) return false;
  }
  return true;
}

/* An extent counts as a size, whatever it is taken of. */
static bool takes_extents(const graft_graph *g, graft_node n) { return gr_node_families(g, n) & GR_F_EXTENTS; }

static bool is_constant(const graft_graph *g, graft_value v) {
  const graft_tensor t = gr_value_tensor(g, v);
  return t != GRAFT_NONE && g->module->tensors.data[t].kind == GRAFT_CONSTANT;
}

bool gr_is_of_sizes(const graft_graph *g, graft_node n, const uint8_t *sizes) {
  const gr_node *node = gr_node_at(g, n);
  const bool extents = takes_extents(g, n);
  bool any = extents;
  for (uint32_t i = 0; i < node->operand_count && !extents; i++) {
    const graft_value x = gr_operand(g, n, i);
    const graft_node from = x == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, x);
    if (from != GRAFT_NONE && !sizes[from]) return false;
    if (from != GRAFT_NONE) any = true;
    if (from == GRAFT_NONE && x != GRAFT_NONE && !is_constant(g, x)) return false;
  }
  return any && is_short(g, n);
}
