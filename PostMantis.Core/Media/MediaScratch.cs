using Microsoft.Extensions.Options;
using PostMantis.Core.Common;

namespace PostMantis.Core.Media;

/// <summary>Files of the moment, such as one that is being converted, on the disk of the data directory.</summary>
public sealed class MediaScratch(IOptions<InstanceOptions> instance, TimeProvider time)
{
    private readonly string _folder = Path.GetFullPath(Path.Combine(instance.Value.DataDirectory, "scratch"));

    /// <summary>A path of its own; what is written there is gone when disposed.</summary>
    public StagedFile New()
    {
        Directory.CreateDirectory(_folder);
        return new StagedFile(Path.Combine(_folder, Ids.New(time.GetUtcNow()).ToString("N")), isCopy: true);
    }

    /// <summary>Removes what a process that died has left.</summary>
    public int Tidy(DateTimeOffset before)
    {
        if (!Directory.Exists(_folder)) return 0;
        var left = new DirectoryInfo(_folder).GetFiles().Where(file => file.LastWriteTimeUtc < before).ToList();
        foreach (var file in left) file.Delete();
        return left.Count;
    }
}
