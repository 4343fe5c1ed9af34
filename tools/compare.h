/* ir-run A --compare B: the command's part of graft/compare.h. */
#ifndef GRAFT_TOOLS_COMPARE_H
#define GRAFT_TOOLS_COMPARE_H

#include "runtime/compare.h"
#include "tools/cli.h"
#include "tools/feeds.h"

typedef struct compare_options {
  const char *other;                                 /* B; NULL: nothing is compared */
  const char *against;                               /* A */
  const char *passes;                                /* that B goes through first, or NULL */
  bool weights;                                      /* integers of B against floats of A, too */
  graft_session_options session;                     /* threads, reference, seed of both */
  double bad;                                        /* dB */
  const char *report, *json, *node_data, *corrected; /* files to be written, or NULL */
} compare_options;

typedef struct comparison {
  const compare_options *options;
  graft_module *module; /* B */
  graft_module *folded; /* A once more, as the weights of B were before they were quantized; NULL: not looked at */
  graft_compare *compare;
  graft_type *types; /* of A's inputs, in order */
  const void **data;
  uint32_t inputs, steps;
} comparison;

/* False: said, or in the diagnostics. */
bool comparison_begin(comparison *c, graft_context *context, graft_graph *a, const feeds *inputs,
                      const compare_options *options);
bool comparison_step(comparison *c, const feeds *inputs);
void comparison_print(const comparison *c, FILE *out);
/* Of the first layer or weight. */
void compare_missed_name(const graft_missed *missed, char *text, size_t size);
/* Which layers were held against nothing, and why: a line a reason. */
void compare_print_missed(const graft_compare *compare, FILE *out);
/* The files that the options name, each whole or not at all; false: said. */
bool compare_write_file(const comparison *c, const char *path, const void *bytes, size_t size);
bool comparison_write(const comparison *c);
void comparison_end(comparison *c);

/* "31.4", "inf" or "-": a number of decibels. */
const char *compare_decibels(double db, char *text, size_t size);
/* "0.026%", "-". */
const char *compare_share(double share, char *text, size_t size);
/* Name of the weight; cut where there is no room. */
void compare_weight_name(const comparison *c, const graft_weight *weight, char *text, size_t size);
/* What v quantizes or dequantizes; GRAFT_NONE: it does neither. */
graft_value compare_quantized(const graft_graph *graph, graft_value v);
/* What a calls the layer, and b's op; where the value comes from a quantize, of what was quantized. */
void compare_name(const graft_layer *layer, char *text, size_t size);
const char *compare_op(const graft_layer *layer);

#endif
