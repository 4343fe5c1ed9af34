/* Which values of two graphs are the same number by number, but for rounding: by name and by provenance. */
#ifndef GRAFT_MATCH_IMPL_H
#define GRAFT_MATCH_IMPL_H

#include "ir/ir_int.h"

typedef struct gr_match {
  graft_value a;        /* of the first graph; GRAFT_NONE: none is the same */
  uint32_t layer;       /* number of its row; GRAFT_NONE: none */
  bool shown;           /* it is the value of its row; others of the row (a second dequantize) go with it */
  uint32_t dequantized; /* row of what dequantizes it, where it has none itself */
  bool quantized;       /* integers, or came through them */
  bool reshaped;        /* the first graph has one of this name, but of another shape */
} gr_match;

/* Layers of the second graph (convolutions, products, ...) that are not held against anything. */
typedef struct gr_missed {
  uint32_t count;
  graft_graph *graph; /* of the first of them */
  graft_node node;
} gr_missed;

typedef enum gr_why_missed {
  GR_MISSED_NAME,   /* the first graph has no such value */
  GR_MISSED_SHAPE,  /* it has one of another shape */
  GR_MISSED_NESTED, /* inside an if or a loop that the first graph does not have */
  GR_MISSED_KINDS
} gr_why_missed;

/* Two graphs that are held against each other: those compared, or what an if or a loop of both runs. */
typedef struct gr_pair {
  graft_graph *a, *b;
  gr_match *of; /* by value of b */
  uint32_t count;
} gr_pair;

typedef struct gr_matches {
  GR_VEC(gr_pair) pairs;           /* first the graphs themselves */
  uint32_t *pair_of_a, *pair_of_b; /* by graph of the one's and of the other's module; GRAFT_NONE: in none */
  uint32_t graphs_of_a, graphs_of_b;
  uint32_t layer_count;
  gr_missed missed[GR_MISSED_KINDS];
} gr_matches;

/* Both graphs are of one context. On failure gr_match_end still has to be called. */
graft_status gr_match_begin(gr_matches *m, graft_graph *a, graft_graph *b);
void gr_match_end(gr_matches *m, graft_context *c);

/* Slots of the scale and the zero point that the node's first result is quantized with; false: it is not. */
bool gr_result_scale(const graft_graph *g, graft_node n, uint32_t *scale, uint32_t *zero_point);
/* The node that says how the integers of n's first result are quantized: n, or where n only moves or picks elements the
 * one that they come from. GRAFT_NONE: none. */
graft_node gr_scale_node(const graft_graph *g, graft_node n);

#endif
