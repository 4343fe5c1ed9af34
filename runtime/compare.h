/* graft/compare.h - runs two graphs on the same inputs and says, layer by layer, how far they part and where the error
 * is made: float against prepared, converted or lowered, or what a pass made against what it was before.
 *
 *     graft_compare *c = graft_compare_create(a, b, NULL);
 *     graft_status ok = graft_compare_step(c, types, data);    // as often as there are inputs; numbers add up
 *     for (uint32_t i = 0; i < graft_compare_layer_count(c); i++) { graft_layer l = graft_compare_layer(c, i); ... }
 *     graft_compare_destroy(c);
 *
 * A layer is a value of b that a has too, by name and by provenance, or an output of the same name; integers are
 * compared as the numbers that they stand for. A value that is only quantized is one layer with what it is quantized
 * to. Each step runs a once and b twice: as it is, and with every layer's result replaced by a's when it has been
 * looked at, so that the next layer shows the error that it adds by itself. State of the modules (statistics,
 * observers) stays as it is.
 *
 * Graphs that an if or a loop of both runs are compared too, if the one's result is the other's: their layers come
 * before the node's, and of a value that comes several times in a step the first time of the one is held against the
 * first of the other, and so on; a time that only one of them has is left out.
 *
 * Memory, beside the graphs: what running a and what running b takes (graft_session_memory), once each; a's values that
 * are layers, in f32, each as often as it comes in a step; for a layer about 3 kB and, where it is quantized, a bit a
 * step. b's values are not kept. */
#ifndef GRAFT_COMPARE_H
#define GRAFT_COMPARE_H

#include "numbers.h"
#include "runtime.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* Two networks that run on the same inputs. */
typedef struct graft_compare graft_compare;

/* Of graft_compare_create. */
typedef struct graft_compare_options {
  size_t size;
  uint32_t threads; /* as graft_session_options has them */
  bool reference;
  const graft_kernel *kernels;
  uint32_t kernel_count;
  double bad; /* dB: a layer is bad where signal to noise is less; 0: 20 */
  /* a with its batch norms folded into weights as they are in b (pass fold-conv-bn): b's weights are held against this
   * graph's, which is not needed once the comparison is made. NULL: a's own */
  graft_graph *folded;
  /* Of b's runs alone, so that an own backend can be held against the kernels that are built in, with b the same graph.
   */
  const graft_backend *const *backends;
  uint32_t backend_count;
  bool biases;   /* for graft_compare_correct_biases: means of errors are kept */
  uint64_t seed; /* of random ops, of both alike */
} graft_compare_options;

/* Of b against a, all elements of all steps together. */
typedef struct graft_error {
  double snr;     /* dB, signal a to noise b - a; infinite: they are equal; NaN: nothing was compared */
  double cosine;  /* of the angle between them */
  double largest; /* |b - a| */
  double steps;   /* the same in steps of the layer's scale; NaN: it is not quantized */
} graft_error;

enum { GRAFT_HISTOGRAM = 48 };

/* A value of both networks, and how far they are apart there. */
typedef struct graft_layer {
  size_t size;
  graft_graph *graph_a, *graph_b;
  graft_value a, b;
  graft_type type;     /* b's, of the last step */
  graft_error error;   /* as b runs */
  graft_error own;     /* where its inputs are a's */
  double inherited;    /* dB, signal to what noise is left without its own */
  bool bad;            /* less than options.bad */
  int64_t not_numbers; /* elements of which one is NaN or infinite and the other is not: left out of the error */
  graft_statistics of_a, of_b;
  double low, high; /* of the histograms: a's range in the first step */
  int64_t histogram_a[GRAFT_HISTOGRAM], histogram_b[GRAFT_HISTOGRAM]; /* what lies outside is in the first and last */
  bool quantized;
  /* Where it is: */
  bool fitted;       /* b's integers do not say what they stand for: scale and zero point are those that fit a best */
  uint32_t channels; /* that have scales of their own; 1: per tensor */
  float scale_min, scale_max;
  int32_t zero_point; /* of the first channel */
  int64_t quant_min, quant_max;
  double clipped; /* share of a's elements that the range has no number for */
  double unused;  /* share of the steps between quant_min and quant_max that b never took; NaN: not counted */
  /* Elements, those of them that differ as b runs, and where its inputs are a's. */
  int64_t elements, differing, own_differing;
} graft_layer;

/* NULL with a diagnostic: no memory, a graph that cannot be run, graphs of two contexts. NULL options: defaults. */
GRAFT_API graft_compare *graft_compare_create(graft_graph *a, graft_graph *b, const graft_compare_options *options);
/* Ends the comparison; the graphs stay. NULL is fine. From within one of its own runs it is refused. */
GRAFT_API void graft_compare_destroy(graft_compare *compare);
/* One step; types and data of a's inputs. Those of b are found by name; it may have fewer. */
GRAFT_API graft_status graft_compare_step(graft_compare *compare, const graft_type *types, const void *const *data);
/* How many values of both networks are compared. */
GRAFT_API uint32_t graft_compare_layer_count(const graft_compare *compare);
/* Of no such layer, or before the first step: all but the values is zero or NaN. */
GRAFT_API graft_layer graft_compare_layer(const graft_compare *compare, uint32_t index);
/* The first bad layer in order, and the one that adds most error by itself; GRAFT_NONE: none. */
GRAFT_API uint32_t graft_compare_first_bad(const graft_compare *compare);
/* The layer that adds most error by itself; GRAFT_NONE: none. */
GRAFT_API uint32_t graft_compare_worst(const graft_compare *compare);

/* A weight that b has as integers and a, under the same name, as floats (if a has the same integers there is nothing to
 * be said of it). Channels are those of the layer's result. */
typedef struct graft_weight {
  size_t size;
  graft_tensor a, b; /* of the graphs' modules */
  graft_graph *graph;
  graft_node reader;        /* the dequantize, or the op on integers, that reads it first */
  graft_error error;        /* of all elements */
  uint32_t channels, worst; /* the channel of least signal to noise, and that: */
  double worst_snr;
  float scale_min, scale_max;
  int64_t quant_min, quant_max;
  double clipped, unused; /* as of a layer */
} graft_weight;

/* Known from the start. */
GRAFT_API uint32_t graft_compare_weight_count(const graft_compare *compare);
/* Of no such weight: no tensors, and zeros. */
GRAFT_API graft_weight graft_compare_weight(const graft_compare *compare, uint32_t index);

/* Layers of b (convolutions, products and the like), or weights, that were held against nothing, for one reason. */
typedef struct graft_missed {
  size_t size;
  bool weights;    /* else layers */
  const char *why; /* "the other has no such value" */
  uint32_t count;
  graft_graph *graph; /* of the first of them */
  graft_node first;
} graft_missed;

/* Layers (convolutions, linears) of b by what became of their biases. */
typedef struct graft_bias_correction {
  size_t size;
  uint32_t corrected;
  uint32_t without_bias; /* left alone: there is none */
  uint32_t not_stored;   /* left alone: quantized, computed, read by others too */
  uint32_t
      not_seen; /* left alone: a has no such value, or what was seen is not finite; integer layers are not looked at */
} graft_bias_correction;

/* Bias correction (Nagel et al. 2019): takes from the bias of each layer of b (not of graphs that its nodes run),
 * channel by channel, the mean of the error that it makes by itself, over all places and all steps so far. Changes b's
 * module, which has to be one of quantize and dequantize nodes (before `lower`), and ends the comparison: after it only
 * graft_compare_destroy is of use. Needs options.biases and a step. `out`, whose size the caller has set, may be NULL.
 * On failure the module is as it was. */
GRAFT_API graft_status graft_compare_correct_biases(graft_compare *compare, graft_bias_correction *out);

/* How many reasons there were so far. */
GRAFT_API uint32_t graft_compare_missed_count(const graft_compare *compare);
/* Of no such reason: zeros. */
GRAFT_API graft_missed graft_compare_missed(const graft_compare *compare, uint32_t index);

#if defined(__cplusplus)
}
#endif
#endif
