/* See page.h. In order: what breaks, the picture of error along the graph, the table, each layer on its own. All that
 * comes from the network (names, above all) goes through text(). */
#include "tools/page.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/formats/sink_int.h"
#include "ir/ir_int.h"
#include "tools/page_parts.h"

enum { NAME = 4096, CEILING = 60 /* dB, the picture's upper edge */ };

typedef struct page {
  FILE *out;
  const comparison *c;
  double bad;
  uint32_t count;
} page;

/* ---- pieces ---- */

static void put(const page *p, const char *s) { fputs(s, p->out); }

/* Any bytes as text: neither markup nor what is no UTF-8 or a control character goes through. */
static void text(const page *p, const char *s) {
  for (size_t left = strlen(s); left > 0;) {
    const size_t n = gr_utf8_length(s, left);
    const char c = *s;
    if (n == 0 || (n == 1 && ((unsigned char)c < ' ' || c == 127)))
      put(p, "\xEF\xBF\xBD");
    else if (c == '&')
      put(p, "&amp;");
    else if (c == '<')
      put(p, "&lt;");
    else if (c == '>')
      put(p, "&gt;");
    else if (c == '"')
      put(p, "&quot;");
    else if (c == '\'')
      put(p, "&#39;");
    else
      fwrite(s, 1, n, p->out);
    s += n ? n : 1;
    left -= n ? n : 1;
  }
}

/* A name, which may be broken where its parts end. */
static void name_text(const page *p, char *name) {
  for (char *s = name; *s;) {
    const size_t n = strcspn(s, "/._");
    const size_t part = n + (s[n] != '\0');
    const char next = s[part];
    s[part] = '\0';
    text(p, s);
    s[part] = next;
    s += part;
    if (*s) put(p, "<wbr>");
  }
}

static void layer_name(const page *p, const graft_layer *l) {
  char name[NAME];
  compare_name(l, name, sizeof name);
  name_text(p, name);
}

static void decibels(const page *p, double db) {
  char number[32];
  put(p, compare_decibels(db, number, sizeof number));
  if (isfinite(db)) put(p, " dB");
}

static void inherited(const page *p, double db) {
  if (isinf(db) && db > 0)
    put(p, "none");
  else
    decibels(p, db);
}

/* What a column is sorted by: no infinities in there. */
static double order(double x) { return isnan(x) ? 1e9 : x > 1e8 ? 1e8 : x < -1e8 ? -1e8 : x; }

/* 0: bad, 1: near, 2: good, 3: nothing to say. */
static int grade(const page *p, double db) {
  if (isnan(db)) return 3;
  return db < p->bad ? 0 : db < p->bad + 10 ? 1 : 2;
}

/* ---- the head ---- */

static void card(const page *p, const char *title, const char *what, uint32_t layer, double db, int color) {
  fprintf(p->out, "<a class=\"card g%d\" href=\"#l%" PRIu32 "\"><b>%s</b><span class=\"big\">", color, layer, title);
  decibels(p, db);
  put(p, "</span><code>");
  const graft_layer l = graft_compare_layer(p->c->compare, layer);
  layer_name(p, &l);
  fprintf(p->out, "</code><small>%s</small></a>\n", what);
}

static void head(const page *p) {
  const graft_compare *k = p->c->compare;
  put(p, page_top);
  put(p, page_style);
  put(p, "<h1><code>");
  text(p, p->c->options->other);
  put(p, "</code> against <code>");
  text(p, p->c->options->against);
  fprintf(p->out,
          "</code></h1>\n<p>%" PRIu32 " layer%s, %" PRIu32
          " step%s. Signal to noise in decibels: 20 dB is an error of a tenth, 40 dB of a hundredth.</p>\n",
          p->count, p->count == 1 ? "" : "s", p->c->steps, p->c->steps == 1 ? "" : "s");
  if (!p->count) {
    put(p, "<p class=\"card g0\">The two have no layer in common: nothing was compared.</p>\n");
    return;
  }
  put(p, "<div class=\"cards\">\n");
  const uint32_t bad = graft_compare_first_bad(k), worst = graft_compare_worst(k), last = p->count - 1;
  if (bad != GRAFT_NONE) {
    const graft_layer l = graft_compare_layer(k, bad);
    char title[64];
    snprintf(title, sizeof title, "First layer below %g dB", p->bad);
    card(p, title, l.not_numbers ? "has NaN or infinity where the other has none" : "here the network breaks", bad,
         l.error.snr, 0);
  } else {
    fprintf(p->out, "<div class=\"card g2\"><b>No layer is below %g dB</b><small>nothing breaks</small></div>\n",
            p->bad);
  }
  if (worst != GRAFT_NONE) {
    const graft_layer l = graft_compare_layer(k, worst);
    card(p, "Most error of its own", "with the inputs that the other has", worst, l.own.snr, grade(p, l.own.snr));
  }
  const graft_layer l = graft_compare_layer(k, last);
  card(p, "Last layer", "what is left at the end", last, l.error.snr, grade(p, l.error.snr));
  put(p, "</div>\n");
  for (uint32_t i = 0; i < graft_compare_missed_count(k); i++) {
    const graft_missed m = graft_compare_missed(k, i);
    char name[NAME];
    compare_missed_name(&m, name, sizeof name);
    fprintf(p->out, "<p>Not compared: %" PRIu32 " layer%s, for %s; first <code>", m.count, m.count == 1 ? "" : "s",
            m.why);
    text(p, name);
    put(p, "</code>.</p>\n");
  }
}

/* ---- the picture ---- */

enum { LEFT = 40, TOP = 12, HEIGHT = 220, FOOT = 24 };

static double height_of(double db) {
  const double shown = isnan(db) || db > CEILING ? CEILING : db < 0 ? 0 : db;
  return TOP + HEIGHT * (1 - shown / CEILING);
}

static void line(const page *p, double step) {
  put(p, "<polyline points=\"");
  for (uint32_t i = 0; i < p->count; i++) {
    const graft_layer l = graft_compare_layer(p->c->compare, i);
    fprintf(p->out, "%s%.1f,%.1f", i ? " " : "", LEFT + step * (i + 0.5), height_of(l.error.snr));
  }
  put(p, "\"/>\n");
}

/* Hangs from the top: the longer, the more error the layer adds. */
static void bar(const page *p, double step, uint32_t i) {
  const graft_layer l = graft_compare_layer(p->c->compare, i);
  const double x = LEFT + step * (i + 0.2), bottom = height_of(l.own.snr);
  fprintf(p->out, "<rect class=\"own\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%.1f\"/>\n", x, TOP, 0.6 * step,
          bottom - TOP);
}

static void picture(const page *p) {
  const double step = p->count < 60 ? 800.0 / p->count : 14;
  const double width = LEFT + step * p->count + 8;
  put(p, "<h2>Error along the graph</h2>\n<p class=\"key\"><span class=\"k all\">as it runs</span> "
         "<span class=\"k own\">error of its own: the longer, the more</span></p>\n<div class=\"wide\">");
  fprintf(p->out,
          "<svg role=\"img\" aria-label=\"signal to noise of each layer\" viewBox=\"0 0 %.0f %d\" "
          "style=\"min-width:%.0fpx\">\n",
          width, TOP + HEIGHT + FOOT, p->count < 60 ? 640.0 : width / 1.2);
  fprintf(p->out, "<rect class=\"zone\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", LEFT,
          height_of(p->bad), width - LEFT - 8, height_of(0) - height_of(p->bad));
  for (int db = 0; db <= CEILING; db += 20)
    fprintf(
        p->out,
        "<line class=\"grid\" x1=\"%d\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%d\" y=\"%.1f\">%d dB</text>\n",
        LEFT, width - 8, height_of(db), height_of(db), LEFT - 4, height_of(db) + 4, db);
  for (uint32_t i = 0; i < p->count; i++) bar(p, step, i);
  line(p, step);
  for (uint32_t i = 0; i < p->count; i++) {
    const graft_layer l = graft_compare_layer(p->c->compare, i);
    const double x = LEFT + step * (i + 0.5);
    char name[NAME];
    compare_name(&l, name, sizeof name);
    fprintf(p->out, "<a href=\"#l%" PRIu32 "\"><title>", i);
    text(p, name);
    put(p, ": ");
    decibels(p, l.error.snr);
    put(p, ", own ");
    decibels(p, l.own.snr);
    fprintf(p->out,
            "</title><rect class=\"hit\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>"
            "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"/></a>\n",
            LEFT + step * i, TOP, step, HEIGHT, l.bad ? "bad" : "all", x, height_of(l.error.snr), l.bad ? "5" : "3.5");
  }
  fprintf(
      p->out,
      "<text class=\"start\" x=\"%d\" y=\"%d\">first layer</text><text x=\"%.1f\" y=\"%d\">last</text></svg></div>\n",
      LEFT, TOP + HEIGHT + 18, width - 8, TOP + HEIGHT + 18);
}

/* ---- the table ---- */

static void share(const page *p, double x) {
  char number[32];
  put(p, compare_share(x, number, sizeof number));
}

static void cell(const page *p, const char *class, double sort) {
  fprintf(p->out, "<td class=\"%s\" data-v=\"%.9g\">", class, order(sort));
}

static void row(const page *p, uint32_t i) {
  const graft_layer l = graft_compare_layer(p->c->compare, i);
  const double filled = isnan(l.error.snr) ? 0 : l.error.snr > CEILING ? 100 : l.error.snr < 0 ? 0 : l.error.snr / 0.6;
  char class[32];
  fprintf(p->out, "<tr%s>", l.bad ? " class=\"bad\"" : "");
  cell(p, "n m", i);
  fprintf(p->out, "%" PRIu32 "</td><th scope=\"row\"><a href=\"#l%" PRIu32 "\">", i + 1, i);
  layer_name(p, &l);
  put(p, "</a></th><td class=\"m\">");
  text(p, compare_op(&l));
  put(p, "</td>");
  snprintf(class, sizeof class, "n bar g%d", grade(p, l.error.snr));
  fprintf(p->out, "<td class=\"%s\" data-v=\"%.9g\" style=\"--w:%.0f%%\">", class, order(l.error.snr), filled);
  decibels(p, l.error.snr);
  put(p, "</td>");
  snprintf(class, sizeof class, "n g%d", grade(p, l.own.snr));
  cell(p, class, l.own.snr);
  decibels(p, l.own.snr);
  put(p, "</td>");
  cell(p, "n m", l.inherited);
  inherited(p, l.inherited);
  put(p, "</td>");
  cell(p, "n m", l.error.cosine);
  if (isnan(l.error.cosine))
    put(p, "-</td>");
  else
    fprintf(p->out, "%.6f</td>", l.error.cosine);
  cell(p, "n", isnan(l.error.steps) ? -l.error.largest : l.error.steps);
  if (!isnan(l.error.steps))
    fprintf(p->out, "%.1f steps</td>", l.error.steps);
  else if (!isnan(l.error.largest))
    fprintf(p->out, "%.3g</td>", l.error.largest);
  else
    put(p, "-</td>");
  cell(p, "n m", l.quantized ? l.clipped : -1);
  share(p, l.quantized ? l.clipped : (double)NAN);
  put(p, "</td>");
  cell(p, "n m", l.quantized ? l.unused : -1);
  share(p, l.quantized ? l.unused : (double)NAN);
  put(p, "</td></tr>\n");
}

static void table(const page *p) {
  put(p, page_table);
  for (uint32_t i = 0; i < p->count; i++) row(p, i);
  put(p, "</tbody></table></div>\n");
}

static void weight_row(const page *p, uint32_t i) {
  const graft_weight w = graft_compare_weight(p->c->compare, i);
  const graft_type t = graft_tensor_get_type(p->c->module, w.b);
  char name[NAME], type[GR_TYPE_SIZE], class[32];
  compare_weight_name(p->c, &w, name, sizeof name);
  gr_type_format(&t, type, sizeof type);
  fprintf(p->out, "<tr%s><th scope=\"row\">", w.error.snr < p->bad ? " class=\"bad\"" : "");
  name_text(p, name);
  put(p, "</th><td class=\"m\">");
  text(p, type);
  put(p, "</td>");
  snprintf(class, sizeof class, "n g%d", grade(p, w.error.snr));
  cell(p, class, w.error.snr);
  decibels(p, w.error.snr);
  put(p, "</td>");
  snprintf(class, sizeof class, "n g%d", grade(p, w.worst_snr));
  cell(p, class, w.worst_snr);
  decibels(p, w.worst_snr);
  if (w.channels > 1) fprintf(p->out, " at %" PRIu32, w.worst);
  put(p, "</td>");
  cell(p, "n", w.error.steps);
  fprintf(p->out, "%.1f steps</td>", w.error.steps);
  cell(p, "n m", w.clipped);
  share(p, w.clipped);
  put(p, "</td>");
  cell(p, "n m", w.unused);
  share(p, w.unused);
  put(p, "</td></tr>\n");
}

static void weights(const page *p) {
  const uint32_t count = graft_compare_weight_count(p->c->compare);
  if (!count) return;
  put(p, page_weights);
  for (uint32_t i = 0; i < count; i++) weight_row(p, i);
  put(p, "</tbody></table></div>\n");
}

/* ---- each layer ---- */

/* Logarithms of the counts, so that tails are seen. */
static void histogram(const page *p, const char *class, const int64_t *counts, double most) {
  fprintf(p->out, "<path class=\"%s\" d=\"M0 100", class);
  for (int i = 0; i < GRAFT_HISTOGRAM; i++)
    fprintf(p->out, "V%.1fH%d", 100 - (most > 0 ? 96 * log1p((double)counts[i]) / most : 0), 10 * (i + 1));
  put(p, "V100Z\"/>");
}

static void range_line(const page *p, const graft_layer *l, double x) {
  const double at = (x - l->low) / (l->high - l->low) * 10 * GRAFT_HISTOGRAM;
  if (at >= 0 && at <= 10 * GRAFT_HISTOGRAM)
    fprintf(p->out, "<line class=\"range\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"100\"/>", at, at);
}

static void histograms(const page *p, const graft_layer *l) {
  double most = 0;
  for (int i = 0; i < GRAFT_HISTOGRAM; i++) {
    const int64_t n = l->histogram_a[i] > l->histogram_b[i] ? l->histogram_a[i] : l->histogram_b[i];
    most = log1p((double)n) > most ? log1p((double)n) : most;
  }
  fprintf(p->out,
          "<figure><svg viewBox=\"0 0 %d 100\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"histograms\">",
          10 * GRAFT_HISTOGRAM);
  histogram(p, "ha", l->histogram_a, most);
  histogram(p, "hb", l->histogram_b, most);
  if (l->quantized) {
    range_line(p, l, ((double)l->quant_min - l->zero_point) * (double)l->scale_max);
    range_line(p, l, ((double)l->quant_max - l->zero_point) * (double)l->scale_max);
  }
  fprintf(
      p->out,
      "</svg><figcaption><span>%.4g</span><span>counts, logarithmic</span><span>%.4g</span></figcaption></figure>\n",
      l->low, l->high);
}

static void range(const page *p, const char *what, const graft_statistics *s) {
  fprintf(p->out, "<dt>%s</dt><dd>", what);
  if (s->count == s->nan + s->infinite)
    put(p, "no numbers");
  else
    fprintf(p->out, "%.6g to %.6g, mean %.6g, %.1f%% zeros", s->min, s->max, graft_statistics_mean(s),
            100.0 * (double)s->zeros / (double)s->count);
  if (s->nan || s->infinite) fprintf(p->out, ", %" PRId64 " NaN, %" PRId64 " infinite", s->nan, s->infinite);
  put(p, "</dd>\n");
}

static void quantization(const page *p, const graft_layer *l) {
  put(p, "<dt>scale</dt><dd>");
  if (l->channels > 1)
    fprintf(p->out, "%.9g to %.9g, %" PRIu32 " channels</dd>", (double)l->scale_min, (double)l->scale_max, l->channels);
  else
    fprintf(p->out, "%.9g%s</dd>", (double)l->scale_min,
            l->fitted ? ", with the zero point what fits the other's values best: the graph says none" : "");
  fprintf(p->out, "\n<dt>zero point</dt><dd>%d, of %" PRId64 " to %" PRId64 "</dd>\n<dt>clipped</dt><dd>",
          l->zero_point, l->quant_min, l->quant_max);
  share(p, l->clipped);
  put(p, " of the other's values lie outside</dd>\n<dt>unused steps</dt><dd>");
  share(p, l->unused);
  put(p, "</dd>\n");
}

static void detail(const page *p, uint32_t i) {
  const graft_layer l = graft_compare_layer(p->c->compare, i);
  char type[GR_TYPE_SIZE];
  gr_type_format(&l.type, type, sizeof type);
  fprintf(p->out, "<details id=\"l%" PRIu32 "\"><summary><span>%" PRIu32 "</span> <code>", i, i + 1);
  layer_name(p, &l);
  fprintf(p->out, "</code> <em class=\"g%d\">", grade(p, l.error.snr));
  decibels(p, l.error.snr);
  put(p, "</em></summary>\n");
  histograms(p, &l);
  put(p, "<dl><dt>value</dt><dd>");
  text(p, compare_op(&l));
  put(p, ", ");
  text(p, type);
  put(p, "</dd>\n<dt>error</dt><dd>");
  decibels(p, l.error.snr);
  put(p, " as it runs, ");
  decibels(p, l.own.snr);
  put(p, " its own, ");
  inherited(p, l.inherited);
  put(p, " inherited</dd>\n<dt>largest</dt><dd>");
  fprintf(p->out, "%.6g", l.error.largest);
  if (!isnan(l.error.steps)) fprintf(p->out, ", %.2f steps", l.error.steps);
  put(p, "</dd>\n");
  if (l.not_numbers) fprintf(p->out, "<dt>only one a number</dt><dd>%" PRId64 " elements</dd>\n", l.not_numbers);
  range(p, "the other's range", &l.of_a);
  range(p, "range", &l.of_b);
  if (l.quantized) quantization(p, &l);
  put(p, "</dl></details>\n");
}

static void all(const page *p) {
  head(p);
  if (p->count) {
    picture(p);
    table(p);
    weights(p);
    put(p, page_details);
    for (uint32_t i = 0; i < p->count; i++) detail(p, i);
  }
  put(p, page_end);
}

bool page_write(const comparison *c, const char *path) {
  char *bytes = NULL;
  size_t size = 0;
  page p = {.out = open_memstream(&bytes, &size),
            .c = c,
            .bad = c->options->bad,
            .count = graft_compare_layer_count(c->compare)};
  if (p.out) all(&p);
  const bool made = p.out && !ferror(p.out), closed = p.out && fclose(p.out) == 0;
  const bool ok = made && closed && compare_write_file(c, path, bytes, size);
  if (!made || !closed) cli_fail(path, "out of memory");
  free(bytes);
  return ok;
}
