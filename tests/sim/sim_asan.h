
/*
 * Copyright (C) Ficus authors
 */


/*
 * SIM_ASAN: the program is built with the address sanitizer.
 */


#ifndef SIM_ASAN_H_INCLUDED
#define SIM_ASAN_H_INCLUDED


#if defined __has_feature
#if __has_feature(address_sanitizer)
#define SIM_ASAN  1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#undef SIM_ASAN
#define SIM_ASAN  1
#endif


#endif /* SIM_ASAN_H_INCLUDED */
