"""Fails if the library calls a function that takes memory and is not stood in for.

usage: check_wrapped.py NM LIBRARY FUNCTION..."""
import subprocess
import sys

# Functions of the C library that hand out memory, a thread or a mapping, or take some for good.
TAKERS = """
    malloc calloc realloc reallocarray aligned_alloc posix_memalign memalign valloc pvalloc free
    strdup strndup __strdup __strndup wcsdup asprintf vasprintf __asprintf_chk __vasprintf_chk getline getdelim
    fopen fopen64 fdopen freopen tmpfile tmpfile64 fmemopen open_memstream popen setvbuf
    opendir fdopendir scandir glob wordexp nftw ftw getcwd get_current_dir_name realpath canonicalize_file_name
    mmap mmap64 mremap brk sbrk setenv putenv setlocale duplocale textdomain bindtextdomain
    pthread_create thrd_create pthread_key_create sem_open timer_create
    tsearch hcreate regcomp getaddrinfo dlopen qsort_r backtrace_symbols
    """.split()


def main():
    tool, library, *stood_in = sys.argv[1:]
    listing = subprocess.run([tool, library], capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in listing.splitlines()]
    called = {words[1] for words in lines if len(words) == 2 and words[0] == "U"}
    missed = sorted(called.intersection(TAKERS).difference(stood_in))
    idle = sorted(set(stood_in).difference(called))
    if missed or idle or "malloc" not in called:
        sys.exit(f"not stood in for: {missed}; stood in for and not called: {idle}")
    print(f"{len(called)} functions, {len(called.intersection(TAKERS))} of them take or give memory")


main()
