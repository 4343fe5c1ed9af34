/* Loops compiled for several instruction sets and chosen at run time: GR_LOOP defines the body once, GR_CLONES compiles
 * it for each, and a call goes through the table by the gr_isa of the kernel call. All give the same bits: nothing is
 * contracted (-ffp-contract=off) or reordered, and sums have their lanes fixed in the source (which NaN comes of two is
 * open). Where the compiler or the
 * machine knows no such sets, each entry of a table is the plain one. No ifuncs, which sanitizers and static linking
 * bear badly. */
#ifndef GRAFT_ISA_H
#define GRAFT_ISA_H

typedef enum gr_isa { GR_ISA_PLAIN, GR_ISA_AVX2, GR_ISA_AVX512, GR_ISA_COUNT } gr_isa;

/* The best that this machine has. */
gr_isa gr_isa_best(void);

#define GR_LOOP static inline __attribute__((always_inline))

/* Before a loop whose result is an array apart from its operands, or one of them index by index. */
#if defined(__clang__)
#define GR_IN_STEP /* its word for it warns where a loop calls libm */
#else
#define GR_IN_STEP _Pragma("GCC ivdep")
#endif

/* NAME[isa], from NAME_loop. */
#if defined(__x86_64__) && defined(__GNUC__)
#define GR_HAS_CLONES 1
#define GR_AVX2 __attribute__((target("avx2")))
#if defined(__clang__)
#define GR_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#else
#define GR_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")))
#endif
#define GR_CLONES(NAME, PARAMETERS, ARGUMENTS) \
  static void NAME##_plain PARAMETERS { NAME##_loop ARGUMENTS; } \
  GR_AVX2 static void NAME##_avx2 PARAMETERS { NAME##_loop ARGUMENTS; } \
  GR_AVX512 static void NAME##_avx512 PARAMETERS { NAME##_loop ARGUMENTS; } \
  static void(*const NAME[GR_ISA_COUNT]) PARAMETERS = {NAME##_plain, NAME##_avx2, NAME##_avx512};
#else
#define GR_CLONES(NAME, PARAMETERS, ARGUMENTS) GR_ONE(NAME, PARAMETERS, ARGUMENTS)
#endif

/* For what is not worth it. */
#define GR_ONE(NAME, PARAMETERS, ARGUMENTS) \
  static void NAME##_plain PARAMETERS { NAME##_loop ARGUMENTS; } \
  static void(*const NAME[GR_ISA_COUNT]) PARAMETERS = {NAME##_plain, NAME##_plain, NAME##_plain};

#endif
