/* A comparison's state, private to compare.c, which runs it, and compare_results.c, which says what came of it. */
#ifndef GRAFT_COMPARE_IMPL_H
#define GRAFT_COMPARE_IMPL_H

#include "runtime/biases_impl.h"
#include "runtime/compare.h"
#include "runtime/match_impl.h"
#include "runtime/quant_int.h"
#include "runtime/weights_impl.h"

typedef struct sums {
  int64_t count, differing;
  double aa, bb, ab, noise, largest, steps;
} sums;

/* A value's numbers in a graph: as they are, or quantized. */
typedef struct quantizer {
  const float *scale;
  const int32_t *zero_point;
  gr_channels channels;
  int64_t low, high; /* quant_min and quant_max */
  bool fitted;
} quantizer;

/* One scale for all elements, as the value of a has it or as it fits b's integers. */
typedef struct whole_scale {
  float scale; /* 0: none */
  int32_t zero_point;
  int64_t low, high;
} whole_scale;

typedef struct layer {
  uint32_t pair;
  graft_value a, b;
  graft_type type;
  sums total, own;
  graft_statistics of_a, of_b;
  int64_t not_numbers, clipped;
  double low, high;
  int64_t histogram_a[GRAFT_HISTOGRAM], histogram_b[GRAFT_HISTOGRAM];
  bool quantized, seen, fitted;
  bool unknown;      /* b has integers there, of which nothing says what they stand for */
  whole_scale scale; /* where b's integers do not say theirs */
  uint32_t channels;
  float scale_min, scale_max;
  int32_t zero_point;
  int64_t quant_min, quant_max;
  uint64_t *codes; /* a bit each; NULL: not counted */
  size_t code_words;
} layer;

/* A value of a that some layer goes by, as it was once. */
typedef struct kept {
  bool raw;         /* integers as they are */
  graft_type type;  /* rank -1: not there yet */
  whole_scale said; /* quantized, with one scale */
  float *data;
  size_t size; /* bytes of it */
} kept;

/* All times of a step. */
typedef struct history {
  bool wanted;
  bool once; /* it follows from tensors alone, and stays from step to step */
  GR_VEC(kept) times;
  uint32_t told; /* so many of them */
} history;

/* Two graphs that are held against each other, by number of gr_matches. */
typedef struct pair {
  history *of_a;        /* by value of a */
  uint32_t *times_of_b; /* by value of b: how often it was there in this run */
  uint32_t count_a, count_b;
} pair;

struct graft_compare {
  GR_HANDLE;
  graft_graph *a, *b; /* pinned; they may be dead when the comparison is called */
  graft_session *of_a, *of_b;
  bool running; /* a step or correction, in which the embedder's callbacks may be */
  gr_matches matches;
  gr_weights weights;
  pair *pairs;
  layer *layers;
  uint32_t *input_of;   /* by input of b: a's */
  uint32_t input_count; /* of b */
  double bad;
  int64_t steps;
  bool forced; /* the second run of b */
  bool biases;
  gr_shifts shifts;
};

#endif
