using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace PostMantis.Core.Persistence;

/// <summary>Lets <c>dotnet ef</c> build the model without a running database.</summary>
internal sealed class DesignTimeFactory : IDesignTimeDbContextFactory<PostMantisDb>
{
    public PostMantisDb CreateDbContext(string[] args)
    {
        var options = new DbContextOptionsBuilder<PostMantisDb>();
        options.UsePostMantis("Host=localhost;Database=postmantis");
        return new PostMantisDb(options.Options);
    }
}
