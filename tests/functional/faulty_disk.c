/* Preloaded into a process: a disk that fails, or that forgets what was not synced.
 *
 * FAULTY_DISK names the directory that it is about. While the file FAULTY_DISK.eio or
 * FAULTY_DISK.erofs exists, writing and syncing there fails with that error; while
 * FAULTY_DISK.unreadable exists, reading fails. If FAULTY_DISK.synced exists, what
 * is synced is copied there: contents by inode, and at the sync of the directory the
 * inode of every name. From these a test makes what a power cut would leave.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *root(void) {
    const char *found = getenv("FAULTY_DISK");
    return found ? found : "/nonexistent";
}

static int is_here(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, root(), strlen(root())) == 0 &&
           (path[strlen(root())] == '/' || path[strlen(root())] == 0);
}

static int beside(const char *suffix, char *out, size_t size) {
    snprintf(out, size, "%s%s", root(), suffix);
    return access(out, F_OK) == 0;
}

static int fails(int fd) {
    char flag[4096];
    if (beside(".eio", flag, sizeof flag)) errno = EIO;
    else if (beside(".erofs", flag, sizeof flag)) errno = EROFS;
    else return 0;
    int error = errno, here = is_here(fd);
    errno = error;
    return here;
}

static int cannot_be_read(int fd) {
    char flag[4096];
    if (!beside(".unreadable", flag, sizeof flag)) return 0;
    int here = is_here(fd);
    errno = EIO;
    return here;
}

static void keep_content(int fd, const struct stat *status, const char *synced) {
    char to[4200], temporary[4300], buffer[65536];
    snprintf(to, sizeof to, "%s/inode-%lu", synced, (unsigned long)status->st_ino);
    snprintf(temporary, sizeof temporary, "%s.new", to);
    int out = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    off_t at = 0;
    ssize_t got;
    while ((got = pread(fd, buffer, sizeof buffer, at)) > 0) {
        if (write(out, buffer, got) != got) abort();
        at += got;
    }
    close(out);
    rename(temporary, to);
}

static void keep_names(const char *synced) {
    char to[4200], temporary[4300], path[8400];
    snprintf(to, sizeof to, "%s/names", synced);
    snprintf(temporary, sizeof temporary, "%s.new", to);
    FILE *out = fopen(temporary, "w");
    DIR *directory = opendir(root());
    struct dirent *entry;
    struct stat status;
    while ((entry = readdir(directory))) {
        snprintf(path, sizeof path, "%s/%s", root(), entry->d_name);
        if (stat(path, &status) == 0 && S_ISREG(status.st_mode))
            fprintf(out, "%lu %s\n", (unsigned long)status.st_ino, entry->d_name);
    }
    closedir(directory);
    fclose(out);
    rename(temporary, to);
}

static void synced(int fd) {
    char where[4096];
    struct stat status;
    if (!beside(".synced", where, sizeof where) || !is_here(fd) || fstat(fd, &status))
        return;
    if (S_ISDIR(status.st_mode)) keep_names(where);
    else if (S_ISREG(status.st_mode)) keep_content(fd, &status, where);
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int fsync(int fd) {
    REAL(fsync);
    if (fails(fd)) return -1;
    int result = real(fd);
    if (!result) synced(fd);
    return result;
}

int fdatasync(int fd) {
    REAL(fdatasync);
    if (fails(fd)) return -1;
    int result = real(fd);
    if (!result) synced(fd);
    return result;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(pwrite64);
    return fails(fd) ? -1 : real(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    REAL(pwrite);
    return fails(fd) ? -1 : real(fd, data, size, at);
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    return fails(fd) ? -1 : real(fd, data, size);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t at) {
    REAL(pread64);
    return cannot_be_read(fd) ? -1 : real(fd, data, size, at);
}

ssize_t read(int fd, void *data, size_t size) {
    REAL(read);
    return cannot_be_read(fd) ? -1 : real(fd, data, size);
}
