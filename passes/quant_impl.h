/* Annotations in passes/: which places share parameters (resolve.c), which nodes an option selects (select.c), and what
 * is put into the graph for them (insert.c). */
#ifndef GRAFT_PASSES_QUANT_IMPL_H
#define GRAFT_PASSES_QUANT_IMPL_H

#include "passes/passes_int.h"
#include "patterns/patterns_int.h"
#include "patterns/quantizer_int.h"

/* ---- selectors (select.c): nodes by the names they have in the source network ---- */

typedef struct gr_selector_name {
  const char *text;
  uint32_t length;
  bool found; /* some node was called so or stood below it */
} gr_selector_name;

/* A list of names: each means that name or what is below it. */
typedef struct gr_selector {
  gr_arena arena;
  GR_VEC(gr_selector_name) names;
  gr_map numbers;                  /* hash of a name -> its place in `names` */
  uint32_t *sources, record_count; /* by record: the source that it goes back to */
  GR_VEC(char) path;
} gr_selector;

bool gr_selector_init(gr_selector *s, const graft_module *m, const char *list); /* comma-separated; false: no memory */
void gr_selector_free(gr_selector *s);
/* Number of the longest listed name that the node's source name (without one: its own name) is or is below of, from 1;
 * 0: none; GRAFT_NONE: no memory. Records made since the selector was are not known to it. */
uint32_t gr_selector_find(gr_selector *s, graft_graph *g, graft_node n);

/* Number of the name among those listed, from 1; GRAFT_NONE: no memory. It must be one of them. */
uint32_t gr_selector_number(gr_selector *s, const char *name, size_t length);

/* Is the node one of those that are listed? With no list every node is. */
graft_status gr_selector_has(gr_selector *s, graft_graph *g, graft_node n, bool *yes);
/* Is the tensor called so, or does it stand in a module called so? With no list none is. */
graft_status gr_selector_has_tensor(gr_selector *s, gr_pass *p, graft_tensor t, bool *yes);
/* A warning for each name of the option's list that nothing was found by yet; `what`: "node", where nodes of one kind
 * were looked at, those. */
void gr_selector_warn(gr_pass *p, const gr_selector *s, const char *option, const char *what);

/* A warning for each name of the option's list that selects nothing. */
graft_status gr_selector_check(gr_pass *p, const char *option);

/* ---- batch norms (batch_norm.c) ---- */

/* The tensors that the batch norm's statistics start from become what they are before any batch: mean 0, variance 1,
 * count 0. */
graft_status gr_reset_statistics(gr_pass *p, graft_graph *g, graft_node n);

/* The scope of each node: 0 is none; with no list every node is in scope 1. The caller frees `nodes.len` entries. */
uint32_t *gr_scope_of_nodes(graft_graph *g, const char *list);

/* Does the node compute a few numbers from extents and constants alone? `sizes`: the answers for the nodes before it
 * (sizes.c). */
bool gr_is_of_sizes(const graft_graph *g, graft_node n, const uint8_t *sizes);

/* ---- quantizers (annotate.c) ---- */

/* The quantizer that the option of this name says; it lives as long as the run. */
graft_status gr_pass_quantizer(gr_pass *p, const gr_quantizer **q);
/* Is there one, and has it the options that the pass does not know? */
graft_status gr_check_quantizer(gr_pass *p);

/* ---- what fuse-modules made one module (fuse_units.c) ---- */

/* Nodes marked `fused` that go back to one source: a unit, where there are several. */
typedef struct gr_units {
  graft_context *context;
  uint32_t *of;          /* by node; 0: in no unit. NULL: there are no units */
  GR_VEC(uint32_t) size; /* by unit */
  uint32_t node_count;
} gr_units;
bool gr_units_find(gr_units *u, const graft_graph *g); /* false: no memory */
void gr_units_free(gr_units *u);

/* ---- layers (layers.c) ---- */

/* Why a layer is in float, where more is known than which operand is; NULL: that one says it. */
typedef const char *gr_why_float(void *user, graft_graph *g, graft_node n);
/* ANNOTATED: what is annotated together will be fused; PLACED: what was to be fused is; NESTED: a node runs the graph
 */
typedef enum gr_layer_stage { GR_LAYERS_ANNOTATED, GR_LAYERS_PLACED, GR_LAYERS_NESTED } gr_layer_stage;
/* Adds the graph's layers to the pass's statistics. `because` may be NULL. */
graft_status gr_count_layers(gr_pass *p, graft_graph *g, gr_layer_stage stage, gr_why_float *because, void *user);
bool gr_add_layer(gr_pass *p, graft_graph *g, graft_node n, const char *why); /* one of them; false: no memory */
/* `one` for each graph, then its layers are counted where `one` does not do so itself. */
typedef graft_status gr_one_graph(gr_pass *p, graft_graph *g, bool nested, void *user);
graft_status gr_each_graph(gr_pass *p, gr_one_graph *one, void *user);
/* One warning with the counts of what was added and is in float; `except`: a reason that is no surprise. */
graft_status gr_warn_of_float_layers(gr_pass *p, const char *except);

/* ---- what cannot be known (unknown.c) ---- */

/* One warning with the ops that read values of unknown dtype and have no annotation. */
void gr_warn_of_unknown_dtypes(gr_pass *p);

/* ---- what is said once (notice.c) ---- */

#define GR_NOTICE_NAMES 4
typedef struct gr_notice {
  uint64_t count;
  uint32_t kept;
  struct {
    double weight;
    char name[200], detail[80];
  } worst[GR_NOTICE_NAMES]; /* the heaviest first, of equal ones the first */
} gr_notice;
/* `detail` stands behind the name; "": nothing. */
/* What a place is called: the weight where the training form scales one. */
void gr_notice_name(const graft_graph *g, graft_value v, char *buffer, size_t size);
void gr_notice_add(gr_notice *n, const char *name, const char *detail, double weight);
/* "WHAT: 'a', 'b' and 7 more", where there is anything to say. */
void gr_notice_warn(gr_pass *p, const gr_notice *n, const char *what);

/* ---- weights and constants that are about to be quantized (stored.c) ---- */

typedef struct gr_stored {
  gr_pass *pass;
  gr_notice clipped; /* of all graphs, by the share of clipped elements */
} gr_stored;
graft_status gr_stored_look(gr_stored *k, graft_graph *g, gr_cones *cones, graft_node fake_quantize);
void gr_stored_warn(const gr_stored *k);

/* ---- places (insert.c) ---- */

/* Fake-quants where the annotations of these nodes say so, and nowhere else. */
graft_status gr_insert_fake_quant_within(gr_pass *p, graft_graph *g, const gr_within *within);

/* ---- observers that stop (freeze.c) ---- */

/* Observers are replaced by the state that they have, those of tensors that never ran by the state that they would
 * have. `only`, by tensor: the states that are meant, of which those that nothing was observed in are left alone. */
graft_status gr_freeze_observers(gr_pass *p, graft_graph *g, const uint8_t *only, gr_notice *unseen);

/* ---- ranges that a constant sets (dominated.c) ---- */

graft_status gr_note_dominated(gr_notice *out, graft_graph *g, gr_cones *cones, graft_value x, double low, double high);

/* ---- groups (resolve.c) ---- */

/* Places (annotated uses and values) that share one set of parameters. */
typedef struct gr_group {
  uint32_t spec;  /* spec, derived or fixed: never shared */
  gr_spec_ref at; /* the first place of the group, for names */
} gr_group;

typedef struct gr_groups {
  graft_context *context;
  uint32_t *of_use, *of_value; /* by id; GRAFT_NONE: not annotated */
  uint32_t use_count, value_count;
  GR_VEC(gr_group) list;
} gr_groups;

/* `scope` by node (gr_scope_of_nodes): nothing is shared across scopes. */
graft_status gr_groups_resolve(graft_graph *g, const uint32_t *scope, gr_groups *groups);
void gr_groups_free(gr_groups *groups);
/* "conv.weight" or "%relu": for messages. */
const char *gr_place_label(graft_graph *g, gr_spec_ref place, char *buffer, size_t size);

#endif
