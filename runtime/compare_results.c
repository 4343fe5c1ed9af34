/* What a comparison says: its layers, those that it missed, and weights. */
#include "runtime/compare_impl.h"

#include <math.h>
#include <string.h>

static double decibels(double signal, double noise) {
  if (noise <= 0) return (double)INFINITY;
  return signal > 0 ? 10 * log10(signal / noise) : -(double)INFINITY;
}

static graft_error error_of(const layer *l, const sums *s) {
  if (s->count == 0) return (graft_error){(double)NAN, (double)NAN, (double)NAN, (double)NAN};
  const double lengths = sqrt(s->aa) * sqrt(s->bb);
  return (graft_error){.snr = decibels(s->aa, s->noise),
                       .cosine = lengths > 0      ? s->ab / lengths
                                 : s->aa == s->bb ? 1
                                                  : 0,
                       .largest = s->largest,
                       .steps = l->quantized ? s->steps : (double)NAN};
}

uint32_t graft_compare_layer_count(const graft_compare *c) {
  if (!GR_IS(c, COMPARE)) return 0;
  return c->matches.layer_count;
}

static double unused(const layer *l) {
  if (!l->codes) return (double)NAN;
  int64_t used = 0, all = l->quant_max - l->quant_min + 1;
  for (size_t i = 0; i < l->code_words; i++) used += __builtin_popcountll(l->codes[i]);
  return 1.0 - (double)used / (double)all;
}

graft_layer graft_compare_layer(const graft_compare *c, uint32_t index) {
  graft_layer out = {.size = sizeof out, .a = GRAFT_NONE, .b = GRAFT_NONE};
  if (!GR_IS(c, COMPARE) || index >= c->matches.layer_count) return out;
  const layer *l = &c->layers[index];
  out.graph_a = c->matches.pairs.data[l->pair].a;
  out.graph_b = c->matches.pairs.data[l->pair].b;
  out.a = l->a;
  out.b = l->b;
  out.type = l->type;
  out.error = error_of(l, &l->total);
  out.own = error_of(l, &l->own);
  out.inherited = l->total.count ? decibels(l->total.aa, l->total.noise - l->own.noise) : (double)NAN;
  out.bad = out.error.snr < c->bad || l->not_numbers > 0;
  out.not_numbers = l->not_numbers;
  out.of_a = l->of_a;
  out.of_b = l->of_b;
  out.low = l->low;
  out.high = l->high;
  memcpy(out.histogram_a, l->histogram_a, sizeof out.histogram_a);
  memcpy(out.histogram_b, l->histogram_b, sizeof out.histogram_b);
  out.quantized = l->quantized;
  out.fitted = l->fitted;
  out.channels = l->channels;
  out.scale_min = l->scale_min;
  out.scale_max = l->scale_max;
  out.zero_point = l->zero_point;
  out.quant_min = l->quant_min;
  out.quant_max = l->quant_max;
  out.clipped = l->total.count ? (double)l->clipped / (double)l->total.count : 0;
  out.unused = unused(l);
  out.elements = l->of_a.count;
  out.differing = l->total.differing;
  out.own_differing = l->own.differing;
  return out;
}

uint32_t graft_compare_first_bad(const graft_compare *c) {
  if (!GR_IS(c, COMPARE)) return GRAFT_NONE;
  for (uint32_t i = 0; i < c->matches.layer_count; i++)
    if (graft_compare_layer(c, i).bad) return i;
  return GRAFT_NONE;
}

uint32_t graft_compare_worst(const graft_compare *c) {
  if (!GR_IS(c, COMPARE)) return GRAFT_NONE;
  uint32_t worst = GRAFT_NONE;
  double least = (double)INFINITY;
  for (uint32_t i = 0; i < c->matches.layer_count; i++) {
    const double snr = error_of(&c->layers[i], &c->layers[i].own).snr;
    if (!(snr < least)) continue;
    least = snr;
    worst = i;
  }
  return worst;
}

/* Rows that were to be and got no numbers; a value that is no layer is not worth a word. */
static gr_missed without_numbers(const graft_compare *c, bool unknown) {
  gr_missed out = {0};
  for (uint32_t i = 0; i < c->matches.layer_count; i++) {
    const layer *l = &c->layers[i];
    graft_graph *g = c->matches.pairs.data[l->pair].b;
    const graft_node n = graft_value_node(g, l->b);
    if (l->seen || l->unknown != unknown || !c->steps || n == GRAFT_NONE || out.count++) continue;
    out.graph = g;
    out.node = n;
  }
  return out;
}

static const char *const whys[] = {
    [GR_MISSED_NAME] = "the other has no such value",
    [GR_MISSED_SHAPE] = "the other's value of this name has another shape",
    [GR_MISSED_NESTED] = "they are inside an if or a loop that the other does not have",
    "nothing says what their integers stand for",
    "they did not run, or had no elements or another shape",
    "the other has no floats of this name and shape that could be quantized",
    "nothing says what their integers stand for",
};

enum { WITHOUT_SCALE = GR_MISSED_KINDS, NOT_RUN, WEIGHTS, UNKNOWN_WEIGHTS, WHYS };
_Static_assert(sizeof whys / sizeof *whys == WHYS, "a text for each reason");

static gr_missed missed_of_kind(const graft_compare *c, uint32_t kind) {
  if (kind < GR_MISSED_KINDS) return c->matches.missed[kind];
  if (kind >= WEIGHTS) return kind == WEIGHTS ? c->weights.missed : c->weights.unknown;
  return without_numbers(c, kind == WITHOUT_SCALE);
}

/* The reason of this number among those that there are. */
static graft_missed missed(const graft_compare *c, uint32_t index, uint32_t *count) {
  graft_missed out = {.size = sizeof out, .first = GRAFT_NONE};
  *count = 0;
  for (uint32_t kind = 0; kind < WHYS; kind++) {
    const gr_missed m = missed_of_kind(c, kind);
    if (!m.count || (*count)++ != index) continue;
    out.why = whys[kind];
    out.weights = kind >= WEIGHTS;
    out.count = m.count;
    out.graph = m.graph;
    out.first = m.node;
  }
  return out;
}

uint32_t graft_compare_missed_count(const graft_compare *c) {
  if (!GR_IS(c, COMPARE) || !GR_IS(c->b, GRAPH)) return 0;
  uint32_t count;
  (void)missed(c, 0, &count);
  return count;
}

graft_missed graft_compare_missed(const graft_compare *c, uint32_t index) {
  uint32_t count;
  if (!GR_IS(c, COMPARE) || !GR_IS(c->b, GRAPH))
    return (graft_missed){.size = sizeof(graft_missed), .first = GRAFT_NONE};
  return missed(c, index, &count);
}

uint32_t graft_compare_weight_count(const graft_compare *c) {
  if (!GR_IS(c, COMPARE)) return 0;
  return c->weights.len;
}

graft_weight graft_compare_weight(const graft_compare *c, uint32_t index) {
  if (GR_IS(c, COMPARE) && index < c->weights.len) return c->weights.data[index];
  return (graft_weight){.size = sizeof(graft_weight), .a = GRAFT_NONE, .b = GRAFT_NONE, .reader = GRAFT_NONE};
}
