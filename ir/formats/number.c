/* Decimal numbers: exact both ways, shortest on the way out, and free of the locale.
 *
 * Fast paths rest on one fact: an integer below 2^53 times or divided by 10^k, k <= 22, is one correctly rounded
 * operation, hence the nearest double. What they and a long division cannot do goes to strtod and snprintf, without a
 * decimal point. */
#include "ir/formats/number_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define MAX_POWER 22
#define EXACT (1ull << 53)
#define MAX_DIGITS 800 /* more cannot change the rounding of a double, but for their being all zero or not */

static bool digit(char c) { return c >= '0' && c <= '9'; }

/* Digits, without leading zeros, and the power of ten that they are multiplied by. */
typedef struct decimal {
  char digits[MAX_DIGITS + 2];
  uint32_t count;
  bool seen;   /* any digit at all */
  bool sticky; /* a digit other than 0 was dropped */
  int64_t exponent;
} decimal;

static void add_digit(decimal *d, char c, bool fraction) {
  d->seen = true;
  if (fraction) d->exponent--;
  if (d->count == 0 && c == '0') return;
  if (d->count < MAX_DIGITS) {
    d->digits[d->count++] = c;
  } else {
    d->sticky |= c != '0';
    d->exponent++;
  }
}

static bool read_exponent(const char **p, const char *end, int64_t *exponent) {
  const char *q = *p + 1;
  bool negative = q < end && *q == '-';
  if (q < end && (*q == '-' || *q == '+')) q++;
  if (q == end || !digit(*q)) return false;
  int64_t e = 0;
  for (; q < end && digit(*q); q++)
    if (e < INT64_C(1) << 40) e = e * 10 + (*q - '0');
  *exponent += negative ? -e : e;
  *p = q;
  return true;
}

/* All digits are known: the value, by strtod on an integer with an exponent. */
static double slow(decimal *d) {
  char text[MAX_DIGITS + 40];
  if (d->sticky) {
    d->digits[d->count++] = '1';
    d->exponent--;
  }
  memcpy(text, d->digits, d->count);
  int64_t e = d->exponent > 100000 ? 100000 : d->exponent < -100000 ? -100000 : d->exponent;
  (void)snprintf(text + d->count, sizeof text - d->count, "e%d", (int)e);
  return strtod(text, NULL);
}

__extension__ typedef unsigned __int128 wide;

/* m / 10^k, k <= 21: 57 bits or more of the quotient and whether anything is left, rounded once. */
static double divide(uint64_t m, int k) {
  int shift = __builtin_clzll(m) + 63; /* the numerator fills 127 bits, the divisor has 70 at most */
  wide d = 1, n = (wide)m << shift;
  for (int i = 0; i < k; i++) d *= 10;
  wide q = n / d;
  bool sticky = q * d != n;
  uint64_t high = (uint64_t)(q >> 64);
  int bits = high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll((uint64_t)q);
  int extra = bits - 55;
  uint64_t top = (uint64_t)(q >> extra);
  sticky |= (wide)top << extra != q;
  return ldexp((double)(top | sticky), extra - shift);
}

static bool word(const char *p, const char *end, bool negative, double *value) {
  if (end - p != 3) return false;
  if (memcmp(p, "inf", 3) == 0) {
    *value = negative ? -(double)INFINITY : (double)INFINITY;
    return true;
  }
  if (negative || memcmp(p, "nan", 3) != 0) return false;
  *value = (double)NAN;
  return true;
}

bool gr_number_parse(const char *text, size_t length, double *value) {
  const char *p = text, *end = text + length;
  bool negative = p < end && *p == '-';
  if (negative) p++;
  if (p < end && (*p == 'i' || *p == 'n')) return word(p, end, negative, value);
  decimal d;
  d.count = 0;
  d.exponent = 0;
  d.seen = d.sticky = false;
  for (; p < end && digit(*p); p++) add_digit(&d, *p, false);
  if (p < end && *p == '.')
    for (p++; p < end && digit(*p); p++) add_digit(&d, *p, true);
  if (!d.seen) return false;
  if (p < end && (*p == 'e' || *p == 'E') && !read_exponent(&p, end, &d.exponent)) return false;
  if (p != end) return false;
  double v = 0;
  if (d.count > 0) {
    uint64_t m = 0;
    for (uint32_t i = 0; i < d.count && i < 19; i++) m = m * 10 + (uint64_t)(d.digits[i] - '0');
    if (d.count <= 19 && d.exponent <= 0 && d.exponent >= -21 && m > EXACT)
      v = divide(m, (int)-d.exponent);
    else if (d.count > 19 || m > EXACT || d.exponent > MAX_POWER || d.exponent < -MAX_POWER)
      v = slow(&d);
    else
      v = d.exponent < 0 ? (double)m / power[-d.exponent] : (double)m * power[d.exponent];
  }
  *value = negative ? -v : v;
  return !isinf(v);
}

/* ---- printing ---- */

static bool same(double a, double b, bool single) { return single ? (float)a == (float)b : a == b; }

/* "digits" times 10^exponent, written as Python writes it: an exponent below 1e-4 and from 1e16 on. */
static size_t layout(char *out, bool negative, const char *digits, int count, int exponent) {
  while (count > 1 && digits[count - 1] == '0') count--, exponent++;
  int point = count + exponent; /* digits before the point */
  char *p = out;
  if (negative) *p++ = '-';
  if (point > 16 || point < -3) {
    *p++ = digits[0];
    if (count > 1) {
      *p++ = '.';
      memcpy(p, digits + 1, (size_t)count - 1);
      p += count - 1;
    }
    p += snprintf(p, 8, "e%c%02d", point > 0 ? '+' : '-', point > 0 ? point - 1 : 1 - point);
    return (size_t)(p - out);
  }
  if (point <= 0) {
    *p++ = '0';
    *p++ = '.';
    for (int i = point; i < 0; i++) *p++ = '0';
    memcpy(p, digits, (size_t)count);
    p += count;
  } else {
    for (int i = 0; i < point; i++) *p++ = i < count ? digits[i] : '0';
    *p++ = '.';
    if (point < count) {
      memcpy(p, digits + point, (size_t)(count - point));
      p += count - point;
    } else {
      *p++ = '0';
    }
  }
  *p = 0;
  return (size_t)(p - out);
}

static int write_digits(char *digits, uint64_t m) {
  char reversed[24];
  int n = 0;
  do {
    reversed[n++] = (char)('0' + m % 10);
    m /= 10;
  } while (m);
  for (int i = 0; i < n; i++) digits[i] = reversed[n - 1 - i];
  return n;
}

/* The fewest decimal places that do: v is then m / 10^places, one rounded division, as the parser does it. */
static bool by_places(double v, bool single, char *digits, int *count, int *exponent) {
  if (!(v >= 1e-5 && v < 1e15)) return false;
  for (int places = 0; places <= MAX_POWER; places++) {
    double m = nearbyint(v * power[places]);
    if (m >= (double)EXACT) return false;
    if (!same(m / power[places], v, single)) continue;
    *count = write_digits(digits, (uint64_t)m);
    *exponent = -places;
    return true;
  }
  return false;
}

/* The nearest decimal of `count` digits; does it read back? */
static bool rounded(double v, bool single, int count, char *digits, int *exponent) {
  char text[40], plain[40];
  double back = 0;
  (void)snprintf(text, sizeof text, "%.*e", count - 1, v); /* d<point>ddd…e±xx, the point as the locale has it */
  const char *e = strrchr(text, 'e');
  int n = 0;
  for (const char *p = text; p < e; p++)
    if (digit(*p)) digits[n++] = *p;
  *exponent = (int)strtol(e + 1, NULL, 10) - (n - 1);
  int length = snprintf(plain, sizeof plain, "%.*se%d", n, digits, *exponent);
  return gr_number_parse(plain, (size_t)length, &back) && same(back, v, single);
}

/* More digits are nearer: the fewest that do are found by halving. 17 always do, 9 nearly always for a float. */
static void by_digits(double v, bool single, char *digits, int *count, int *exponent) {
  int low = 1, high = single && rounded(v, single, 9, digits, exponent) ? 9 : 17;
  while (low < high) {
    int middle = (low + high) / 2;
    if (rounded(v, single, middle, digits, exponent))
      high = middle;
    else
      low = middle + 1;
  }
  (void)rounded(v, single, low, digits, exponent);
  *count = low;
}

static size_t say(char *buffer, const char *text) {
  size_t length = strlen(text);
  memcpy(buffer, text, length + 1);
  return length;
}

size_t gr_number_format(char buffer[GR_NUMBER_SIZE], double value, bool single) {
  if (isnan(value)) return say(buffer, "nan");
  if (isinf(value)) return say(buffer, value < 0 ? "-inf" : "inf");
  bool negative = signbit(value) != 0;
  double v = negative ? -value : value;
  if (v == 0) return say(buffer, negative ? "-0.0" : "0.0");
  char digits[24];
  int count = 0, exponent = 0;
  if (!by_places(v, single, digits, &count, &exponent)) by_digits(v, single, digits, &count, &exponent);
  return layout(buffer, negative, digits, count, exponent);
}
