/* Records, in order and with their bytes, the system calls that change the files of one folder.

   Load it with LD_PRELOAD and these two variables:

   MENTRA_RECORD_FOLDER  absolute path; what is done to files below it is recorded
   MENTRA_RECORD_TO      absolute path of the recording, which is appended to

   The call and its record are one step under a lock, so the order of the recording is the order
   in which calls have returned, also between threads. A call that failed is not recorded.

   Not seen: stores through a shared mapping, and calls that are not listed here. A replay that
   differs from the files tells of both. A flush that is not seen only makes the disk worse.

   One record: kind (1 byte), 1 if the write was durable when it returned (1), length of the name
   (2), offset (8), length of the bytes (8), the name below the folder, the bytes. Numbers have the
   machine's byte order. `decode_operations` of mentra_actors.testing.power_loss reads it. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 4096
#define MAX_NAME 256

enum kind { CREATE = 'c', REMOVE = 'd', RENAME = 'r', RESIZE = 's', WRITE = 'w', FLUSH = 'f',
            FLUSH_FOLDER = 'F' };

struct __attribute__((packed)) header {
    uint8_t kind;
    uint8_t is_flushed;
    uint16_t name_bytes;
    uint64_t offset;
    uint64_t size_bytes;
};

struct opened {
    volatile int is_recorded;
    int is_flushed; /* opened so that a write is durable when it returns */
    int is_folder;
    char name[MAX_NAME];
};

static struct opened opened[MAX_DESCRIPTORS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static size_t folder_length;
static int recording = -1;

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off64_t);
static int (*real_ftruncate)(int, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);

static void give_up(const char *what) {
    fprintf(stderr, "recording of writes: %s: %s\n", what, strerror(errno));
    _exit(97);
}

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) give_up(name);
    return found;
}

__attribute__((constructor)) static void start(void) {
    const char *to = getenv("MENTRA_RECORD_TO");
    real_open = next("open64");
    real_openat = next("openat64");
    real_close = next("close");
    real_write = next("write");
    real_writev = next("writev");
    real_pwrite = next("pwrite64");
    real_pwritev = next("pwritev64");
    real_ftruncate = next("ftruncate64");
    real_fsync = next("fsync");
    real_fdatasync = next("fdatasync");
    real_rename = next("rename");
    real_unlink = next("unlink");
    if (!to || !getenv("MENTRA_RECORD_FOLDER")) return;
    folder_length = strlen(getenv("MENTRA_RECORD_FOLDER"));
    recording = real_open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (recording < 0) give_up(to);
    folder = getenv("MENTRA_RECORD_FOLDER");
}

/* The part of a path below the recorded folder; NULL if it is elsewhere. */
static const char *below(const char *path) {
    if (!folder || strncmp(path, folder, folder_length) || path[folder_length] != '/') return NULL;
    path += folder_length + 1;
    if (strlen(path) >= MAX_NAME) { errno = ENAMETOOLONG; give_up(path); }
    return path;
}

static void put(const void *bytes, size_t size) {
    const char *from = bytes;
    while (size) {
        ssize_t written = real_write(recording, from, size);
        if (written < 0) give_up("the recording");
        from += written;
        size -= (size_t)written;
    }
}

static void record(enum kind kind, const char *name, int is_flushed, uint64_t offset,
                   uint64_t size) {
    struct header head = {kind, (uint8_t)is_flushed, (uint16_t)strlen(name), offset, size};
    put(&head, sizeof head);
    put(name, head.name_bytes);
}

static void record_bytes(int fd, off64_t offset, const struct iovec *parts, int count,
                         ssize_t written) {
    size_t left = (size_t)written;
    record(WRITE, opened[fd].name, opened[fd].is_flushed, (uint64_t)offset, left);
    for (int i = 0; i < count && left; i++) {
        size_t size = parts[i].iov_len < left ? parts[i].iov_len : left;
        put(parts[i].iov_base, size);
        left -= size;
    }
}

static int is_recorded(int fd) {
    return fd >= 0 && fd < MAX_DESCRIPTORS && opened[fd].is_recorded;
}

static int open_recorded(const char *path, int flags, mode_t mode) {
    const char *name = below(path);
    struct stat64 status;
    if (!name) return real_open(path, flags, mode);
    pthread_mutex_lock(&lock);
    int is_new = stat64(path, &status) < 0;
    int fd = real_open(path, flags, mode);
    if (fd >= MAX_DESCRIPTORS) give_up("too many open files");
    if (fd >= 0) {
        fstat64(fd, &status);
        strcpy(opened[fd].name, name);
        opened[fd].is_folder = S_ISDIR(status.st_mode);
        opened[fd].is_flushed = !!(flags & O_DSYNC); /* O_SYNC has this bit too */
        opened[fd].is_recorded = 1;
        if (is_new) record(CREATE, name, 0, 0, 0);
        else if (flags & O_TRUNC) record(RESIZE, name, 0, 0, 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

static mode_t mode_of(int flags, va_list arguments) {
    return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(arguments, int) : 0;
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_recorded(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_recorded(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    if (below(path)) return open_recorded(path, flags, mode);
    return real_openat(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    if (below(path)) return open_recorded(path, flags, mode);
    return real_openat(at, path, flags, mode);
}

int __open_2(const char *path, int flags) { return open_recorded(path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_recorded(path, flags, 0); }

int close(int fd) {
    if (is_recorded(fd)) opened[fd].is_recorded = 0;
    return real_close(fd);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    if (!is_recorded(fd)) return real_pwritev(fd, parts, count, offset);
    pthread_mutex_lock(&lock);
    ssize_t written = real_pwritev(fd, parts, count, offset);
    if (written > 0) record_bytes(fd, offset, parts, count, written);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    return pwritev64(fd, parts, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset) {
    struct iovec part = {(void *)bytes, size};
    if (!is_recorded(fd)) return real_pwrite(fd, bytes, size, offset);
    pthread_mutex_lock(&lock);
    ssize_t written = real_pwrite(fd, bytes, size, offset);
    if (written > 0) record_bytes(fd, offset, &part, 1, written);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
    return pwrite64(fd, bytes, size, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (!is_recorded(fd)) return real_writev(fd, parts, count);
    pthread_mutex_lock(&lock);
    ssize_t written = real_writev(fd, parts, count);
    if (written > 0) /* the offset was moved by the call, also with O_APPEND */
        record_bytes(fd, lseek64(fd, 0, SEEK_CUR) - written, parts, count, written);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t write(int fd, const void *bytes, size_t size) {
    struct iovec part = {(void *)bytes, size};
    if (!is_recorded(fd)) return real_write(fd, bytes, size);
    pthread_mutex_lock(&lock);
    ssize_t written = real_write(fd, bytes, size);
    if (written > 0)
        record_bytes(fd, lseek64(fd, 0, SEEK_CUR) - written, &part, 1, written);
    pthread_mutex_unlock(&lock);
    return written;
}

int ftruncate64(int fd, off64_t size) {
    if (!is_recorded(fd)) return real_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    int failed = real_ftruncate(fd, size);
    if (!failed) record(RESIZE, opened[fd].name, 0, (uint64_t)size, 0);
    pthread_mutex_unlock(&lock);
    return failed;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int flush(int fd, int (*real)(int)) {
    if (!is_recorded(fd)) return real(fd);
    pthread_mutex_lock(&lock);
    int failed = real(fd);
    if (!failed) record(opened[fd].is_folder ? FLUSH_FOLDER : FLUSH, opened[fd].name, 0, 0, 0);
    pthread_mutex_unlock(&lock);
    return failed;
}

int fsync(int fd) { return flush(fd, real_fsync); }
int fdatasync(int fd) { return flush(fd, real_fdatasync); }

int rename(const char *from, const char *to) {
    const char *old_name = below(from), *new_name = below(to);
    if (!old_name || !new_name) return real_rename(from, to);
    pthread_mutex_lock(&lock);
    int failed = real_rename(from, to);
    if (!failed) {
        record(RENAME, old_name, 0, 0, strlen(new_name));
        put(new_name, strlen(new_name));
    }
    pthread_mutex_unlock(&lock);
    return failed;
}

int unlink(const char *path) {
    const char *name = below(path);
    if (!name) return real_unlink(path);
    pthread_mutex_lock(&lock);
    int failed = real_unlink(path);
    if (!failed) record(REMOVE, name, 0, 0, 0);
    pthread_mutex_unlock(&lock);
    return failed;
}
