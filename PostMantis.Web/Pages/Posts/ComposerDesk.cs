using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Media;
using PostMantis.Core.Posts;
using PostMantis.Web.Shared;

namespace PostMantis.Web.Pages.Posts;

/// <summary>The composer's work, the same behind its pages and behind what their script asks for while somebody writes.</summary>
internal sealed class ComposerDesk(ComposerProfiles profiles, ArtifactReader artifacts, Uploads uploads, PostReader posts,
    PostValidator validator, PostAcceptor acceptor, PostEditor editor, TimeProvider time)
{
    /// <summary>Asks for a look at what was written rather than for keeping it.</summary>
    public const string Check = "check";

    /// <summary>Asks for the files to be taken, so that they can be described and placed.</summary>
    public const string Files = "files";

    /// <summary>What the page shows: of a browser's form, of a post, or nothing yet.</summary>
    /// <param name="form">What a browser sent; null: it only looks.</param>
    /// <param name="asksNetworks">Whether networks are asked what accounts may choose; not with every key that is pressed.</param>
    /// <exception cref="ProblemException">notFound: there is no such post.</exception>
    public async Task<ComposerModel> OpenAsync(
        HttpContext http, Caller caller, Guid? postId, IFormCollection? form, bool asksNetworks, CancellationToken ct)
    {
        var post = postId is { } id ? await posts.GetAsync(caller, id, ct) : null;
        var sent = form is null ? null : PostForm.Read(form);
        var chosen = sent?.Profiles ?? [.. post?.Deliveries.Select(d => d.ProfileId) ?? []];
        var offered = await profiles.ListAsync(caller, [.. post?.Deliveries.Select(d => d.ProfileId) ?? []],
            asksNetworks ? chosen : [], ct);
        var zone = PersonZone.Of(http);
        var model = new ComposerModel
        {
            Post = post,
            Revision = int.TryParse(form?["revision"].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var seen)
                ? seen : form is null ? post?.Revision ?? 0 : 0,
            Profiles = offered,
            Now = time.GetUtcNow(),
            Form = sent ?? (post is null ? PostForm.Empty(zone, http.Request.Query["at"].ToString()) : PostForm.Of(post, offered, zone)),
        };
        if (sent is not null) PersonZone.Keep(http, sent.Zone, model.Now);
        await ShowFilesAsync(caller, model, ct);
        return model;
    }

    /// <summary>Takes the files that came with a form, for a browser without scripts.</summary>
    public async Task TakeFilesAsync(ComposerModel model, Caller caller, IFormCollection form, CancellationToken ct)
    {
        var errors = new FormErrors();
        var taken = await FormFiles.TakeAsync(uploads, caller, form, errors, "media", ct);
        if (errors.Any) model.Errors = errors;
        if (taken.Count == 0) return;
        model.Form.Media.AddRange(taken.Select(artifact => new FormMedia(artifact.Id, "")));
        await ShowFilesAsync(caller, model, ct);
    }

    /// <summary>Says what it would come to on each profile, by the rules that publishing goes by.</summary>
    public async Task LookAsync(ComposerModel model, Caller caller, CancellationToken ct)
    {
        var errors = new FormErrors();
        model.Form.LookAt();
        var body = model.Form.ToBody(model.Profiles, errors, model.Now);
        if (model.Post is { } post)
        {
            body = model.Form.ToPatch(post, model.Profiles, new FormErrors(), model.Now);
            body["postId"] = post.Id.ToString();
        }
        model.Check = await validator.CheckAsync(caller, body, ct);
        if (!model.Errors.Any) model.Errors = errors;
    }

    /// <summary>Keeps or publishes what was written, as the button says that was pressed.</summary>
    /// <returns>The post; null: it was refused, and the model says why.</returns>
    public async Task<PostResource?> SaveAsync(ComposerModel model, Caller caller, CancellationToken ct)
    {
        if (model.Errors.Any) return null;
        var (form, errors) = (model.Form, new FormErrors());
        try
        {
            if (model.Post is not { } post)
            {
                var body = form.ToBody(model.Profiles, errors, model.Now);
                if (!errors.Any) return (await acceptor.CreateAsync(caller, body, ct)).Post;
                model.Errors = errors;
                return null;
            }
            var patch = form.ToPatch(post, model.Profiles, errors, model.Now);
            var publish = post.Status == PostStatus.Draft && form.When != PostForm.Draft
                ? new JsonObject
                {
                    ["scheduledAt"] = form.Scheduled(errors, model.Now) is { } at ? UtcMillisecondsConverter.Format(at) : null,
                    ["allowDuplicate"] = form.AllowDuplicate,
                }
                : null;
            if (errors.Any)
            {
                model.Errors = errors;
                return null;
            }
            var saved = (await editor.UpdateAsync(caller, post.Id, patch, model.Revision, ct)).Post;
            model.Revision = saved.Revision;
            return publish is null ? saved : (await editor.PublishAsync(caller, post.Id, publish, saved.Revision, ct)).Post;
        }
        catch (ProblemException problem) when (problem.Code != ProblemCode.NotFound)
        {
            (model.Errors, model.IsDuplicate) = (model.Form.ErrorsOf(problem), problem.Code == ProblemCode.DuplicatePost);
            return null;
        }
    }

    private async Task ShowFilesAsync(Caller caller, ComposerModel model, CancellationToken ct) =>
        model.Artifacts = await artifacts.ShowAsync(caller, model.Form.Media.Select(m => m.Id), ct);
}
